// A source that counts, and keeps its offset as operator state: what it emits and where it stands move together.
//
//   weir run counter_source.so --output /path/to/numbers [--count 1000]
#include <weir/weir.h>

#include <algorithm>

using namespace std::chrono_literals;

class CounterSource final : public weir::SourceFunction<int64_t>, public weir::CheckpointedFunction {
 public:
  explicit CounterSource(int64_t count) : count_(count) {}

  void InitializeState(weir::FunctionInitializationContext& context) override {
    state_ = context.OperatorState().GetListState<int64_t>("offset");
    for (const int64_t offset : state_.Get()) offset_ = offset;
  }
  void SnapshotState(const weir::FunctionSnapshotContext&) override { state_.Update({offset_}); }
  bool Next(weir::SourceContext<int64_t>& out) override {
    const int64_t end = std::min(offset_ + 100, count_);
    while (offset_ < end) out.Collect(offset_++);
    return offset_ < count_;
  }

 private:
  const int64_t count_;
  int64_t offset_ = 0;
  weir::OperatorListState<int64_t> state_;
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Counter Source");
  env.EnableCheckpointing(1s);
  env.AddSource(CounterSource(std::stoll(args.Get("count", "1000"))), "counter").SetParallelism(1).Uid("counter")
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
