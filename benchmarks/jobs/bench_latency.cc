// LAT: records come by a schedule, each yields its key's running count; the time from when a record was due to the sink is
// what counts, so a source that falls behind does not hide it.
//
//   latency-<subtask>: the histogram, when the subtask ends
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/scheduled_generator.h"
#include "benchmarks/workload/duration_histogram.h"

using namespace weir;
using namespace weir::bench;

namespace {

class RunningCount final : public KeyedProcessFunction<uint64_t, KeyedRecord, DueCount> {
 public:
  void ProcessElement(const KeyedRecord& record, Context&, Collector<DueCount>& out) override {
    const uint64_t* const before = count_.Peek();
    const uint64_t count = before == nullptr ? record.value : *before + record.value;
    count_.Update(count);
    out.Collect({record.key, count, record.timestamp});
  }

 private:
  ValueState<uint64_t> count_{"count"};
};

// Directly before the sink, in its chain.
class NoteLatency final : public MapFunction<DueCount, uint64_t> {
 public:
  explicit NoteLatency(std::string output) : output_(std::move(output)) {}
  void Open(RuntimeContext& context) override {
    file_ = "latency-" + std::to_string(context.SubtaskIndex());
    histogram_ = std::make_shared<DurationHistogram>();
  }
  uint64_t Map(const DueCount& row) override {
    if (row.due_ns != 0) histogram_->Add(MonotonicNanos() - static_cast<int64_t>(row.due_ns));
    return CountHash(row.key, row.count);
  }
  void Close() override {
    if (histogram_ != nullptr) PublishFile(output_, file_, histogram_->ToText());
  }

 private:
  std::string output_;
  std::string file_;
  std::shared_ptr<DurationHistogram> histogram_;  // Made by Open; functions are copied before.
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("LAT");
  EnableCheckpoints(env, args);
  const EventSourceOptions source = SourceOptions(args);
  if (source.events_per_second <= 0) throw std::invalid_argument("--events-per-second is required");
  env.FromSource(EventSource(ScheduledGenerator(KeyedArguments(args), source.warm_up), source), "records").Uid("records")
      .KeyBy(&KeyedRecord::key)
      .Process(RunningCount()).Name("running count").Uid("running-count")
      .Map(NoteLatency(args.Required("output"))).Name("latency")
      .SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
