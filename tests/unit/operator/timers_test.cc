// Keyed timers: domains, order, deletion, and what OnTimer and its output see.
#include <gtest/gtest.h>

#include <weir/weir.h>

#include "tests/unit/operator/operator_bench.h"

namespace weir {
namespace {

using testing::Emitted;
using testing::EmittedRows;
using testing::OperatorBench;

struct Order {
  int64_t key;
  int64_t event_timer;       // 0 = none.
  int64_t processing_timer;  // 0 = none.
  bool erase = false;        // Deletes instead.
};

const OutputTag<int64_t> kFired{"fired"};

class Alarms : public KeyedProcessFunction<int64_t, Order, std::string> {
 public:
  void ProcessElement(const Order& order, Context& context, Collector<std::string>&) override {
    TimerService& timers = context.Timers();
    if (order.event_timer != 0) order.erase ? timers.DeleteEventTimeTimer(order.event_timer) : timers.RegisterEventTimeTimer(order.event_timer);
    if (order.processing_timer != 0) {
      order.erase ? timers.DeleteProcessingTimeTimer(order.processing_timer) : timers.RegisterProcessingTimeTimer(order.processing_timer);
    }
  }
  void OnTimer(int64_t timestamp, OnTimerContext& context, Collector<std::string>& out) override {
    out.Collect((context.Domain() == TimeDomain::kEventTime ? "e" : "p") + std::to_string(context.CurrentKey()) + "@" + std::to_string(timestamp));
    context.Output(kFired, context.Timestamp().value());
    // A chain of two: the second is due in the same pass when the watermark is far enough.
    if (timestamp == 100) context.Timers().RegisterEventTimeTimer(105);
  }
};

uint64_t HashOf(const Order& order) { return HashKey<int64_t>(order.key); }

auto MakeAlarms() {
  const auto selector = [](const Order& order) { return order.key; };
  return internal::MakeKeyed<internal::KeyedProcessOperator<int64_t, Order, std::string, Alarms, decltype(selector)>>(Alarms(), selector);
}

TEST(TimersTest, EventTimersFireInOrderOverAllKeysOnceEach) {
  OperatorBench<std::string> bench(MakeAlarms());
  bench.Open();
  bench.Feed<Order>({{1, 30, 0}, {2, 10, 0}, {1, 30, 0}, {3, 20, 0}, {1, 5, 0}, {2, 40, 0}}, {}, HashOf);
  EXPECT_EQ(bench.op().OnWatermark(4), 4);
  EXPECT_TRUE(bench.out.rows.empty());
  bench.op().OnWatermark(30);
  EXPECT_EQ(bench.out.rows, (std::vector<Emitted<std::string>>{{"e1@5", 5}, {"e2@10", 10}, {"e3@20", 20}, {"e1@30", 30}}));
  bench.op().OnWatermark(35);
  EXPECT_EQ(bench.out.rows.size(), 4u);
  bench.op().OnWatermark(INT64_MAX);
  EXPECT_EQ(bench.out.rows.back(), (Emitted<std::string>{"e2@40", 40}));
  EXPECT_EQ(bench.store.row_count(), 0u) << "a timer that fired is no state any more";
}

TEST(TimersTest, ADeletedTimerDoesNotFire) {
  OperatorBench<std::string> bench(MakeAlarms());
  bench.Open();
  bench.Feed<Order>({{1, 10, 0}, {2, 10, 0}, {1, 10, 0, true}, {1, 11, 0, true}, {2, 10, 0, true}, {2, 10, 0}}, {}, HashOf);
  bench.op().OnWatermark(50);
  EXPECT_EQ(bench.out.Values(), std::vector<std::string>{"e2@10"});
}

TEST(TimersTest, OneRegisteredByATimerFiresInTheSamePass) {
  OperatorBench<std::string> bench(MakeAlarms());
  bench.Open();
  bench.Feed<Order>({{1, 100, 0}, {2, 110, 0}}, {}, HashOf);
  bench.op().OnWatermark(200);
  EXPECT_EQ(bench.out.Values(), (std::vector<std::string>{"e1@100", "e1@105", "e2@110"}));
}

TEST(TimersTest, OneBelowTheWatermarkWaitsForItsNextAdvance) {
  OperatorBench<std::string> bench(MakeAlarms());
  bench.Open();
  bench.op().OnWatermark(1'000);
  bench.Feed<Order>({{1, 10, 0}}, {}, HashOf);
  EXPECT_TRUE(bench.out.rows.empty());
  bench.op().OnWatermark(1'001);
  EXPECT_EQ(bench.out.Values(), std::vector<std::string>{"e1@10"});
}

TEST(TimersTest, ProcessingTimersFireOnceTheClockHasPassedThem) {
  OperatorBench<std::string> bench(MakeAlarms());
  EmittedRows<int64_t> fired;
  bench.side_outputs["fired"] = &fired;
  bench.Open();
  bench.Feed<Order>({{1, 0, 30}, {2, 0, 10}, {3, 20, 0}}, {7, 8, 9}, HashOf);
  EXPECT_EQ(bench.requested_ms, 11);
  bench.AdvanceTo(10);
  EXPECT_TRUE(bench.out.rows.empty());
  bench.AdvanceTo(11);
  // No timestamp on the main output, the timer's on a side output.
  EXPECT_EQ(bench.out.rows, (std::vector<Emitted<std::string>>{{"p2@10", std::nullopt}}));
  EXPECT_EQ(fired.rows, (std::vector<Emitted<int64_t>>{{10, 10}}));
  EXPECT_EQ(bench.requested_ms, 31);
  bench.op().OnWatermark(INT64_MAX);
  EXPECT_EQ(bench.out.Values(), (std::vector<std::string>{"p2@10", "e3@20"}));
  bench.AdvanceTo(1'000);
  EXPECT_EQ(bench.out.Values().back(), "p1@30");
}

class WithoutOnTimer final : public KeyedProcessFunction<int64_t, Order, std::string> {
 public:
  void ProcessElement(const Order& order, Context& context, Collector<std::string>& out) override {
    out.Collect(std::to_string(context.Timers().CurrentProcessingTime()) + "/" + std::to_string(context.Timers().CurrentWatermark()));
    if (order.event_timer != 0) context.Timers().RegisterEventTimeTimer(order.event_timer);
  }
};

TEST(TimersTest, AFunctionWithoutOnTimerHasClocksOnly) {
  const auto selector = [](const Order& order) { return order.key; };
  OperatorBench<std::string> bench(
      internal::MakeKeyed<internal::KeyedProcessOperator<int64_t, Order, std::string, WithoutOnTimer, decltype(selector)>>(WithoutOnTimer(), selector));
  bench.Open();
  bench.now_ms = 77;
  bench.op().OnWatermark(5);
  bench.Feed<Order>({{1, 0, 0}}, {}, HashOf);
  EXPECT_EQ(bench.out.Values(), std::vector<std::string>{"77/5"});
  EXPECT_THROW(bench.Feed<Order>({{1, 10, 0}}, {}, HashOf), std::logic_error);
}

class DerivedAlarms final : public Alarms {};
static_assert(internal::HasOnTimer<Alarms>());
static_assert(internal::HasOnTimer<DerivedAlarms>());
static_assert(!internal::HasOnTimer<WithoutOnTimer>());

// ---- Side outputs ----

const OutputTag<std::string> kOdd{"odd"};

class Sorts final : public ProcessFunction<int64_t, int64_t> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<int64_t>& out) override {
    if (value % 2 == 0) return out.Collect(value);
    context.Output(kOdd, std::to_string(value));
    if (value == 99) context.Output(OutputTag<int64_t>("odd"), value);
  }
};

TEST(SideOutputTest, RowsCarryTheTimestampOfTheirRecord) {
  OperatorBench<int64_t> bench(std::make_unique<internal::ProcessOperator<int64_t, int64_t, Sorts>>(Sorts()));
  EmittedRows<std::string> odd;
  bench.side_outputs["odd"] = &odd;
  bench.Open();
  const auto hash = [](int64_t value) { return static_cast<uint64_t>(value); };
  bench.Feed<int64_t>({1, 2, 3}, {10, 20, 30}, hash);
  bench.Feed<int64_t>({5}, {}, hash);
  EXPECT_EQ(bench.out.rows, (std::vector<Emitted<int64_t>>{{2, 20}}));
  EXPECT_EQ(odd.rows, (std::vector<Emitted<std::string>>{{"1", 10}, {"3", 30}, {"5", std::nullopt}}));
  EXPECT_THROW(bench.Feed<int64_t>({99}, {}, hash), std::logic_error);
}

TEST(SideOutputTest, OneThatNobodyReadsIsDropped) {
  OperatorBench<int64_t> bench(std::make_unique<internal::ProcessOperator<int64_t, int64_t, Sorts>>(Sorts()));
  bench.Open();
  bench.Feed<int64_t>({1, 2}, {}, [](int64_t value) { return static_cast<uint64_t>(value); });
  EXPECT_EQ(bench.out.Values(), std::vector<int64_t>{2});
}

// ---- Watermarks ----

TEST(WatermarkTest, BoundedOutOfOrdernessStaysBehindTheLatestRecord) {
  using Op = internal::TimestampsAndWatermarksOperator<int64_t>;
  OperatorBench<int64_t> bench(std::make_unique<Op>(WatermarkStrategy<int64_t>::ForBoundedOutOfOrderness(std::chrono::milliseconds(5))
                                                        .WithTimestampAssigner([](const int64_t& value) { return value * 10; })));
  bench.context().auto_watermark_interval_ms = 200;
  bench.Open();
  EXPECT_EQ(bench.requested_ms, 200);
  bench.AdvanceTo(200);
  EXPECT_TRUE(bench.out.watermarks.empty()) << "nothing is known before the first record";
  const auto hash = [](int64_t value) { return static_cast<uint64_t>(value); };
  bench.Feed<int64_t>({3, 9, 4}, {}, hash);
  EXPECT_EQ(bench.out.rows, (std::vector<Emitted<int64_t>>{{3, 30}, {9, 90}, {4, 40}}));
  EXPECT_TRUE(bench.out.watermarks.empty());
  bench.AdvanceTo(400);
  EXPECT_EQ(bench.out.watermarks, std::vector<int64_t>{84});
  bench.Feed<int64_t>({2}, {}, hash);
  bench.AdvanceTo(600);
  EXPECT_EQ(bench.out.watermarks, std::vector<int64_t>{84});
  EXPECT_EQ(bench.op().OnWatermark(50), std::nullopt) << "watermarks from before it end here";
  EXPECT_EQ(bench.op().OnWatermark(INT64_MAX), INT64_MAX);
  EXPECT_THROW(WatermarkStrategy<int64_t>::ForBoundedOutOfOrderness(std::chrono::milliseconds(-1)), std::invalid_argument);
}

class Punctuated final : public WatermarkGenerator<int64_t> {
 public:
  void OnEvent(const int64_t& record, int64_t timestamp_ms, WatermarkOutput& output) override {
    if (record == 0) output.EmitWatermark(timestamp_ms);
  }
  void OnPeriodicEmit(WatermarkOutput&) override {}
};

TEST(WatermarkTest, AGeneratorsWatermarkStandsBehindItsRecord) {
  using Op = internal::TimestampsAndWatermarksOperator<int64_t>;
  const auto strategy = WatermarkStrategy<int64_t>::ForGenerator([] { return std::make_unique<Punctuated>(); });
  struct InOrder final : BatchSink {
    void Push(RecordBatch batch) override {
      for (uint32_t i = 0; i < batch.size(); ++i) said += std::to_string(batch.Rows<int64_t>()[i]) + " ";
    }
    void PushWatermark(int64_t watermark_ms) override { said += "w" + std::to_string(watermark_ms) + " "; }
    std::string said;
  } in_order;
  testing::NoRuntime runtime;
  OperatorContext context(runtime, in_order);
  context.output_bounds.rows_max = 8;
  context.processing_time_ms = [] { return int64_t{0}; };
  context.request_processing_time = [](int64_t) {};
  Op op(strategy);
  op.Open(context);
  RecordBatch batch(TypeOf<int64_t>(), {.capacity_rows = 4, .has_hashes = false, .has_timestamps = true});
  for (int64_t i = 0; i < 4; ++i) {
    std::construct_at(batch.Rows<int64_t>() + i, i % 2);
    batch.timestamps()[i] = 10 * i;
  }
  batch.SetSize(4);
  op.ProcessBatch(batch);
  EXPECT_EQ(in_order.said, "0 w0 1 0 w20 1 ");
}

TEST(WatermarkTest, ARecordWithoutTimestampNeedsAnAssigner) {
  using Op = internal::TimestampsAndWatermarksOperator<int64_t>;
  OperatorBench<int64_t> bench(std::make_unique<Op>(WatermarkStrategy<int64_t>::ForMonotonousTimestamps()));
  bench.Open();
  const auto hash = [](int64_t value) { return static_cast<uint64_t>(value); };
  bench.Feed<int64_t>({3}, {30}, hash);
  EXPECT_EQ(bench.out.rows, (std::vector<Emitted<int64_t>>{{3, 30}}));
  EXPECT_THROW(bench.Feed<int64_t>({3}, {}, hash), std::runtime_error);
}

}  // namespace
}  // namespace weir
