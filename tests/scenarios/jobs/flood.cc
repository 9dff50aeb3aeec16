// One FlatMap call emits --rows records; number and sum of all go to the output, then (-1, highest memory of the process in kB).
// With --sleep-ms the call sleeps first.
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

int64_t PeakMemoryKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

class Total final : public KeyedProcessFunction<int64_t, KeyValue, KeyValue> {
 public:
  void ProcessElement(const KeyValue& record, Context&, Collector<KeyValue>&) override {
    const KeyValue* const total = total_.Peek();
    total_.Update(total == nullptr ? KeyValue{1, record.value} : KeyValue{total->key + 1, total->value + record.value});
  }
  void Finish(Context&, Collector<KeyValue>& out) override {
    out.Collect(*total_.Peek());
    out.Collect({-1, PeakMemoryKilobytes()});
  }

 private:
  ValueState<KeyValue> total_{"total"};
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Flood");
  EnableCheckpoints(env, args);
  const int64_t rows = args.GetInt("rows", 10);
  const int64_t sleep_ms = args.GetInt("sleep-ms", 0);
  env.FromElements(int64_t{1})
      .Uid("one")
      .FlatMap([rows, sleep_ms](const int64_t&, Collector<KeyValue>& out) {
        std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms));
        for (int64_t i = 1; i <= rows; ++i) out.Collect({0, i});
      })
      .DisableChaining()
      .KeyBy(&KeyValue::key)
      .Process(Total())
      .Uid("total")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
