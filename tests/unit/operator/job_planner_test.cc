#include "runtime/operator/job_planner.h"

#include <gtest/gtest.h>

#include <weir/weir.h>

namespace weir {
namespace {

StatusOr<JobPlan> Plan(std::shared_ptr<StreamGraph> graph, const std::function<void(StreamExecutionEnvironment&)>& build) {
  StreamExecutionEnvironment env(graph);
  build(env);
  return PlanJob(*graph, {});
}

TEST(JobPlannerTest, ChainsForwardOperatorsOfEqualParallelism) {
  auto graph = std::make_shared<StreamGraph>();
  graph->parallelism = 3;
  const StatusOr<JobPlan> plan = Plan(graph, [](StreamExecutionEnvironment& env) {
    env.FromSequence(1, 10).Uid("numbers")
        .Map([](const int64_t& n) { return n + 1; })
        .Filter([](const int64_t& n) { return n > 2; })
        .Print();
  });
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  ASSERT_EQ(plan->graph.vertices.size(), 2u);  // The enumerator and the rest.
  EXPECT_TRUE(plan->graph.vertices[0].is_enumerator);
  EXPECT_EQ(plan->graph.vertices[1].name, "Source: Sequence Source -> Map -> Filter -> Sink: Print to Std. Out");
  EXPECT_EQ(plan->graph.vertices[1].parallelism, 3u);
}

TEST(JobPlannerTest, TheProgramsRestartStrategyWinsOverTheDefaults) {
  PlanDefaults defaults;
  defaults.restart = RestartStrategyConfig{.kind = RestartStrategyConfig::Kind::kFixedDelay, .attempts_max = 7};
  const auto restart_of = [&](const std::optional<RestartStrategyConfig>& chosen) {
    const auto graph = std::make_shared<StreamGraph>();
    StreamExecutionEnvironment env(graph);
    env.FromSequence(1, 10).Uid("numbers").Print();
    if (chosen.has_value()) env.SetRestartStrategy(*chosen);
    const StatusOr<JobPlan> plan = PlanJob(*graph, defaults);
    EXPECT_TRUE(plan.ok()) << plan.status().ToString();
    return plan->graph.restart.value();
  };
  EXPECT_EQ(restart_of({}), *defaults.restart);
  EXPECT_EQ(restart_of(RestartStrategies::NoRestart()).kind, RestartStrategyConfig::Kind::kNone);
  EXPECT_EQ(restart_of(RestartStrategies::FixedDelayRestart(3, 250)),
            (RestartStrategyConfig{.kind = RestartStrategyConfig::Kind::kFixedDelay, .attempts_max = 3, .delay_ms = 250}));
  const RestartStrategyConfig growing = restart_of(RestartStrategies::ExponentialDelayRestart(10, 1'000, 2));
  EXPECT_EQ(growing.initial_backoff_ms, 10);
  EXPECT_EQ(growing.max_backoff_ms, 1'000);
  EXPECT_EQ(growing.backoff_multiplier, 2);
}

TEST(JobPlannerTest, KeyByPartitionersAndChainingSettingsBreakChains) {
  auto graph = std::make_shared<StreamGraph>();
  graph->parallelism = 2;
  const StatusOr<JobPlan> plan = Plan(graph, [](StreamExecutionEnvironment& env) {
    auto numbers = env.FromSequence(1, 10).Uid("numbers").Map([](const int64_t& n) { return n; }).StartNewChain();
    numbers.Map([](const int64_t& n) { return n; }).DisableChaining().Rebalance().Filter([](const int64_t&) { return true; }).Print();
  });
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  ASSERT_EQ(plan->graph.vertices.size(), 5u);
  EXPECT_EQ(plan->graph.edges.back().partitioner, PartitionerKind::kRebalance);
}

TEST(JobPlannerTest, UnequalParallelismIsRebalancedUnlessForwardIsDemanded) {
  auto graph = std::make_shared<StreamGraph>();
  graph->parallelism = 4;
  const StatusOr<JobPlan> plan = Plan(graph, [](StreamExecutionEnvironment& env) {
    env.FromElements(int64_t{1}, int64_t{2}).Uid("one").Map([](const int64_t& n) { return n; }).Print();
  });
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_EQ(plan->graph.edges.back().partitioner, PartitionerKind::kRebalance);

  const StatusOr<JobPlan> refused = Plan(std::make_shared<StreamGraph>(), [](StreamExecutionEnvironment& env) {
    env.SetParallelism(4);
    env.FromElements(int64_t{1}).Uid("one").Forward().Map([](const int64_t& n) { return n; }).Print();
  });
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("Forward needs equal parallelism"), std::string::npos);
}

TEST(JobPlannerTest, AStatefulOperatorWithoutUidIsAnErrorThatSaysWhatToDo) {
  const StatusOr<JobPlan> plan = Plan(std::make_shared<StreamGraph>(), [](StreamExecutionEnvironment& env) { env.FromSequence(1, 10).Print(); });
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.status().message().find("add .Uid("), std::string::npos);
}

TEST(JobPlannerTest, AUidUsedTwiceIsAnError) {
  const StatusOr<JobPlan> plan = Plan(std::make_shared<StreamGraph>(), [](StreamExecutionEnvironment& env) {
    env.FromSequence(1, 10).Uid("same").Print();
    env.FromSequence(1, 10).Uid("same").Print();
  });
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().message(), "uid \"same\" is used twice");
}

class TwoStatesOfOneName final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  void ProcessElement(const int64_t&, Context&, Collector<int64_t>&) override {}

 private:
  ValueState<int64_t> first_{"seen"};
  ListState<int64_t> second_{"seen"};
};

// As many value states, and a list.
template <size_t kValues>
class ManyStates final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  ManyStates() : ManyStates(std::make_index_sequence<kValues>()) {}
  void ProcessElement(const int64_t&, Context&, Collector<int64_t>&) override {}

 private:
  template <size_t... kIndex>
  explicit ManyStates(std::index_sequence<kIndex...>) : values_{ValueState<int64_t>("value" + std::to_string(kIndex))...} {}
  std::array<ValueState<int64_t>, kValues> values_;
  ListState<int64_t> list_{"list"};
};

template <class F>
Status PlanWith(F function) {
  return Plan(std::make_shared<StreamGraph>(), [&](StreamExecutionEnvironment& env) {
           env.FromSequence(1, 10).Uid("numbers").KeyBy([](const int64_t& n) { return n; }).Process(function).Uid("states").Print();
         }).status();
}

TEST(JobPlannerTest, TwoStatesOfOneNameInAFunctionAreAnError) {
  EXPECT_EQ(PlanWith(TwoStatesOfOneName()).message(), "operator \"KeyedProcess\" declares the state \"seen\" twice");
}

class Renamed final : public KeyedProcessFunction<int64_t, int64_t, int64_t> {
 public:
  void ProcessElement(const int64_t&, Context&, Collector<int64_t>&) override {}

 private:
  ValueState<int64_t> total_{StateName("total").Formerly("sum").Formerly("count"), StateTtlConfig(std::chrono::hours(1))};
  MapState<int64_t, std::string> names_{"names"};
};

TEST(JobPlannerTest, FormerNamesAreOfTheOperatorItsStatesAndItsEnumerator) {
  auto graph = std::make_shared<StreamGraph>();
  const StatusOr<JobPlan> plan = Plan(graph, [](StreamExecutionEnvironment& env) {
    env.FromSequence(1, 10).Uid("numbers").FormerUid("sequence")
        .KeyBy([](const int64_t& n) { return n; })
        .Process(Renamed()).Uid("totals").FormerUid("sums").FormerUid("counts")
        .Print().Uid("out").FormerUid("print");
  });
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_EQ(plan->graph.vertices[0].chain[0].former_uids, std::vector<std::string>{"sequence/enumerator"});
  EXPECT_EQ(plan->graph.vertices[1].chain[0].former_uids, std::vector<std::string>{"sequence"});
  const ChainedOperator& totals = plan->graph.vertices[2].chain[0];
  EXPECT_EQ(totals.former_uids, (std::vector<std::string>{"sums", "counts"}));
  EXPECT_EQ(totals.states, (std::vector<StateDeclaration>{{"total", "value", "i64", "ttl", {"sum", "count"}}, {"names", "map", "map<i64,string>"}}));
  EXPECT_EQ(plan->graph.vertices[2].chain[1].former_uids, std::vector<std::string>{"print"});
}

TEST(JobPlannerTest, MoreStatesThanARowHoldsAreAnError) {
  EXPECT_TRUE(PlanWith(ManyStates<29>()).ok());
  EXPECT_EQ(PlanWith(ManyStates<30>()).message(), "operator \"KeyedProcess\" declares 31 states, at most 30 are possible");
}

TEST(JobPlannerTest, AnEmptyJobIsAnError) {
  EXPECT_FALSE(Plan(std::make_shared<StreamGraph>(), [](StreamExecutionEnvironment&) {}).ok());
}

TEST(JobPlannerTest, TheSameEntryGivesTheSameFingerprint) {
  const auto build = [](StreamExecutionEnvironment& env) {
    env.FromSequence(1, 10).Uid("numbers").KeyBy([](const int64_t& n) { return n; }).Reduce([](const int64_t& a, const int64_t&) { return a; }).Uid("sum").Print();
  };
  const auto first = std::make_shared<StreamGraph>();
  const auto second = std::make_shared<StreamGraph>();
  const StatusOr<JobPlan> a = Plan(first, build);
  const StatusOr<JobPlan> b = Plan(second, build);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->graph.Fingerprint(), b->graph.Fingerprint());
}

TEST(StreamGraphTest, PinnedValuesAreComputedOnceAndShipped) {
  const auto planning = std::make_shared<StreamGraph>();
  StreamExecutionEnvironment env(planning);
  EXPECT_EQ(env.Pinned("now", [] { return int64_t{42}; }), 42);
  const auto worker = std::make_shared<StreamGraph>();
  worker->planning = false;
  worker->pinned = planning->pinned;
  StreamExecutionEnvironment there(worker);
  EXPECT_EQ(there.Pinned("now", [] { return int64_t{7}; }), 42);
  EXPECT_THROW(there.Pinned("other", [] { return int64_t{7}; }), std::logic_error);
}

TEST(ParametersTest, ParsesAndRefuses) {
  const Parameters parameters({"--a", "1", "--b=x", "--flag"});
  EXPECT_EQ(parameters.GetInt("a", 0), 1);
  EXPECT_EQ(parameters.Required("b"), "x");
  EXPECT_TRUE(parameters.GetBool("flag", false));
  EXPECT_THROW(parameters.Required("c"), std::invalid_argument);
  EXPECT_THROW(parameters.GetInt("b", 0), std::invalid_argument);
  EXPECT_THROW(Parameters({"stray"}), std::invalid_argument);
}

}  // namespace
}  // namespace weir
