// WC: a running sum per key in keyed state; nothing is emitted per record, the final view comes at the end of the input.
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/keyed_arguments.h"

using namespace weir;
using namespace weir::bench;

namespace {

class RunningSum final : public KeyedProcessFunction<uint64_t, KeyedRecord, uint64_t> {
 public:
  void ProcessElement(const KeyedRecord& record, Context&, Collector<uint64_t>&) override {
    const uint64_t* const sum = sum_.Peek();
    sum_.Update(sum == nullptr ? record.value : *sum + record.value);
  }
  void Finish(Context& context, Collector<uint64_t>& out) override { out.Collect(CountHash(context.CurrentKey(), *sum_.Peek())); }

 private:
  ValueState<uint64_t> sum_{"sum"};
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("WC");
  EnableCheckpoints(env, args);
  env.FromSource(EventSource(KeyedGenerator(KeyedArguments(args)), SourceOptions(args)), "records").Uid("records")
      .KeyBy(&KeyedRecord::key)
      .Process(RunningSum()).Name("sum").Uid("sum")
      .SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
