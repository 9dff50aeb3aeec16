// Counts numbers by their remainder: "(key,count)", each key once at the end. With --sleep-ms the first call of each subtask
// sleeps.
#include <chrono>
#include <thread>
#include <utility>

#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

class Count final : public KeyedProcessFunction<int64_t, int64_t, KeyValue> {
 public:
  explicit Count(int64_t sleep_ms) : sleep_ms_(sleep_ms) {}

  void ProcessElement(const int64_t&, Context&, Collector<KeyValue>&) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::exchange(sleep_ms_, 0)));
    const int64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  void Finish(Context& context, Collector<KeyValue>& out) override { out.Collect({context.CurrentKey(), *count_.Peek()}); }

 private:
  int64_t sleep_ms_;
  ValueState<int64_t> count_{"count"};
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Keyed Count");
  EnableCheckpoints(env, args);
  const int64_t keys = args.GetInt("keys", 100);
  Numbers(env, args, "numbers")
      .KeyBy([keys](const int64_t& value) { return value % keys; })
      .Process(Count(args.GetInt("sleep-ms", 0)))
      .Uid("count")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
