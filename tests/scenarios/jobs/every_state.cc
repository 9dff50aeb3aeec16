// Every kind of state in one job: keyed states of each kind, with and without a time-to-live, timers of both domains, a union
// list, an even-split list and broadcast state. What it writes at its end does not depend on order or parallelism.
#include <unistd.h>

#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

constexpr int64_t kPartitions = 8;

struct PartitionOffset {
  int64_t partition;
  int64_t next;
};

// The numbers of kPartitions partitions, in turn; number n of partition p is p + n * kPartitions. Offsets are a union list: each
// subtask gets all of them and goes on with its own partitions.
class PartitionedNumbers final : public SourceFunction<int64_t>, public CheckpointedFunction {
 public:
  PartitionedNumbers(int64_t rows, std::string go_file) : rows_(rows), go_file_(std::move(go_file)) {}

  void InitializeState(FunctionInitializationContext& context) override { state_ = context.OperatorState().GetUnionListState<PartitionOffset>("offsets"); }
  void Open(RuntimeContext& context) override {
    for (int64_t partition = context.SubtaskIndex(); partition < kPartitions; partition += context.Parallelism()) offsets_.push_back({partition, 0});
    for (PartitionOffset& own : offsets_) {
      for (const PartitionOffset& saved : state_.Get()) {
        if (saved.partition == own.partition) own.next = saved.next;
      }
    }
  }
  void SnapshotState(const FunctionSnapshotContext&) override { state_.Update(offsets_); }
  // The last number of each partition waits for the go file.
  bool Next(SourceContext<int64_t>& out) override {
    go_ = go_ || std::filesystem::exists(go_file_);
    bool more = false;
    for (PartitionOffset& offset : offsets_) {
      const int64_t end = go_ ? rows_ : rows_ - 1;
      for (int64_t i = 0; i < kRowsPerCall && offset.next < end; ++i) {
        out.CollectWithTimestamp(offset.partition + offset.next * kPartitions, offset.next);
        ++offset.next;
      }
      more = more || offset.next < rows_;
    }
    // Paces the job: a run lasts long enough to be disturbed.
    if (more && !go_) ::usleep(1'000);
    return more;
  }

 private:
  static constexpr int64_t kRowsPerCall = 4;
  const int64_t rows_;
  const std::string go_file_;
  bool go_ = false;
  std::vector<PartitionOffset> offsets_;
  OperatorListState<PartitionOffset> state_;
};

struct Sums {
  int64_t count = 0;
  int64_t sum = 0;
};

class Average final : public AggregateFunction<int64_t, Sums, int64_t> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sums& sums) override {
    ++sums.count;
    sums.sum += value;
  }
  int64_t GetResult(const Sums& sums) override { return sums.sum / sums.count; }
};

class EveryKind final : public KeyedProcessFunction<int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<std::string>&) override {
    if (count_.Value() == 0) context.Timers().RegisterProcessingTimeTimer(context.Timers().CurrentProcessingTime());
    count_.Update(*count_.Value() + 1);
    all_.Add(value);
    // Few units that are written again and again, beside many that are not; some come and go.
    by_digit_.Put(value % 10, by_digit_.Get(value % 10).value_or(0) + value);
    names_.Put(std::to_string(value), value);
    if (value % 3 == 0) names_.Remove(std::to_string(value));
    largest_.Add(value);
    average_.Add(value);
    recent_.Put(value % 7, value % 7);
    lasting_.Update(lasting_.Value().value_or(0) + 1);
    context.Timers().RegisterEventTimeTimer(INT64_MAX - 1 - value % 5);
    if (value % 2 == 0) context.Timers().DeleteEventTimeTimer(INT64_MAX - 10);
  }
  void OnTimer(int64_t, OnTimerContext& context, Collector<std::string>&) override {
    if (context.Domain() == TimeDomain::kProcessingTime) {
      seen_by_clock_.Update(true);
    } else {
      fired_.Update(*fired_.Value() + 1);
    }
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    int64_t sum = 0, digits = 0, names = 0, recent = 0;
    for (const int64_t value : all_.Get()) sum += value;
    for (const auto& [digit, value] : by_digit_) digits += value * (digit + 1);
    for (const int64_t value : names_.Values()) names += value;
    for (const int64_t value : recent_.Values()) recent += value;
    std::string line = "key " + std::to_string(context.CurrentKey());
    for (const int64_t number : {*count_.Value(), sum, digits, names, *largest_.Get(), *average_.Get(), recent, *lasting_.Value(), *fired_.Value(),
                                 static_cast<int64_t>(seen_by_clock_.Value().value_or(false))}) {
      line += " " + std::to_string(number);
    }
    out.Collect(line);
  }

 private:
  ValueState<int64_t> count_{"count", 0};
  ListState<int64_t> all_{"all"};
  MapState<int64_t, int64_t> by_digit_{"by-digit"};
  MapState<std::string, int64_t> names_{"names"};
  ReducingState<int64_t> largest_{"largest", [](const int64_t& a, const int64_t& b) { return std::max(a, b); }};
  AggregatingState<Average> average_{"average"};
  MapState<int64_t, int64_t> recent_{"recent", StateTtlConfig(std::chrono::hours(1))};
  ValueState<int64_t> lasting_{"lasting", StateTtlConfig(std::chrono::hours(1)).UpdateOnReadAndWrite()};
  ValueState<int64_t> fired_{"fired", 0};
  ValueState<bool> seen_by_clock_{"seen-by-clock"};
};

const MapStateDescriptor<int64_t, int64_t> kFactors{"factors"};

// Keeps the newest value of each key; at the end of time each is emitted with the sum of all factors.
class Weighs final : public KeyedBroadcastProcessFunction<int64_t, int64_t, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, ReadOnlyContext& context, Collector<std::string>&) override {
    largest_.Update(std::max(largest_.Value().value_or(0), value));
    context.Timers().RegisterEventTimeTimer(INT64_MAX);
  }
  void ProcessBroadcastElement(const int64_t& factor, Context& context, Collector<std::string>&) override {
    context.GetBroadcastState(kFactors).Put(factor % 16, factor);
  }
  void OnTimer(int64_t, OnTimerContext& context, Collector<std::string>& out) override {
    int64_t sum = 0;
    for (const auto& [slot, factor] : context.GetBroadcastState(kFactors).Entries()) sum += factor * (slot + 1);
    out.Collect("weight " + std::to_string(context.CurrentKey()) + " " + std::to_string(*largest_.Value()) + " " + std::to_string(sum));
  }

 private:
  ValueState<int64_t> largest_{"largest"};
};

// Counts what passes, as an even-split list of one number per subtask: the state is saved and dealt out, and nobody checks the sum.
class CountsAll final : public SinkFunction<std::string>, public ListCheckpointed<int64_t> {
 public:
  void Invoke(const std::string&, const SinkFunctionContext&) override { ++count_; }
  std::vector<int64_t> SnapshotState(uint64_t, int64_t) override { return {count_}; }
  void RestoreState(std::vector<int64_t> items) override {
    for (const int64_t item : items) count_ += item;
  }

 private:
  int64_t count_ = 0;
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Every State");
  EnableCheckpoints(env, args);
  const int64_t keys = args.GetInt("keys", 100);
  const auto key = [keys](const int64_t& value) { return value % keys; };
  const std::string go_file(args.Get("go-file", ""));
  const auto numbers = env.AddSource(PartitionedNumbers(args.GetInt("rows", 10'000) / kPartitions, go_file), "numbers").Uid("numbers");
  const auto factors = env.FromSequence(1, 100).SetParallelism(1).Uid("factors").Broadcast(kFactors);
  const auto kinds = numbers.KeyBy(key).Process(EveryKind()).Uid("every-kind");
  const auto weights = numbers.KeyBy(key).Connect(factors).Process(Weighs()).Uid("weights");
  kinds.Union(weights).AddSink(CountsAll()).Uid("counts-all");
  kinds.Union(weights).SinkTo(TextFileSink(args.Required("output"))).Uid("out");
}
