// Two keyed stages in a row: a running count per key, each sent on, and its sum per group of keys.
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/keyed_arguments.h"

using namespace weir;
using namespace weir::bench;

namespace {

class RunningCount final : public KeyedProcessFunction<uint64_t, KeyedRecord, StageRecord> {
 public:
  void ProcessElement(const KeyedRecord& record, Context&, Collector<StageRecord>& out) override {
    const uint64_t* const before = count_.Peek();
    const uint64_t count = before == nullptr ? record.value : *before + record.value;
    count_.Update(count);
    out.Collect({GroupOf(record.key), count});
  }

 private:
  ValueState<uint64_t> count_{"count"};
};

class GroupSum final : public KeyedProcessFunction<uint64_t, StageRecord, uint64_t> {
 public:
  void ProcessElement(const StageRecord& record, Context&, Collector<uint64_t>&) override {
    const uint64_t* const sum = sum_.Peek();
    sum_.Update(sum == nullptr ? record.count : *sum + record.count);
  }
  void Finish(Context& context, Collector<uint64_t>& out) override { out.Collect(CountHash(context.CurrentKey(), *sum_.Peek())); }

 private:
  ValueState<uint64_t> sum_{"sum"};
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Two stages");
  EnableCheckpoints(env, args);
  env.FromSource(EventSource(KeyedGenerator(KeyedArguments(args)), SourceOptions(args)), "records").Uid("records")
      .KeyBy(&KeyedRecord::key)
      .Process(RunningCount()).Name("running count").Uid("running-count")
      .KeyBy(&StageRecord::group)
      .Process(GroupSum()).Name("group sum").Uid("group-sum")
      .SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
