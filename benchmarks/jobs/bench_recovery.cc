// REC: running counts with a value of 100 bytes for each key; each record yields its count. Notes when output begins after a start.
//
//   beat-<attempt>-<subtask>    monotonic time of the subtask's first row in that attempt
//   caught-<attempt>-<subtask>  ... of its first row that was less than 100 ms late
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/scheduled_generator.h"

using namespace weir;
using namespace weir::bench;

namespace {

struct Payload {  // 100 bytes.
  uint64_t count;
  std::array<uint32_t, 23> rest;
};

class RunningCount final : public KeyedProcessFunction<uint64_t, KeyedRecord, DueCount> {
 public:
  void ProcessElement(const KeyedRecord& record, Context&, Collector<DueCount>& out) override {
    const Payload* const before = payload_.Peek();
    Payload payload = before == nullptr ? Payload{} : *before;
    payload.count += record.value;
    payload.rest[payload.count % payload.rest.size()] = static_cast<uint32_t>(record.key);
    payload_.Update(payload);
    out.Collect({record.key, payload.count, record.timestamp});
  }

 private:
  ValueState<Payload> payload_{"payload"};
};

// Directly before the sink, in its chain.
class NoteBeat final : public MapFunction<DueCount, uint64_t> {
 public:
  explicit NoteBeat(std::string output) : output_(std::move(output)) {}
  void Open(RuntimeContext& context) override {
    suffix_ = std::to_string(context.AttemptNumber()) + "-" + std::to_string(context.SubtaskIndex());
    noted_first_ = noted_caught_up_ = false;
  }
  uint64_t Map(const DueCount& row) override {
    if (!noted_caught_up_) Note(row);
    return CountHash(row.key, row.count);
  }

 private:
  static constexpr int64_t kCaughtUpNs = 100'000'000;

  void Note(const DueCount& row) {
    const int64_t now_ns = MonotonicNanos();
    if (!std::exchange(noted_first_, true)) PublishFile(output_, "beat-" + suffix_, std::to_string(now_ns));
    if (row.due_ns == 0 || now_ns - static_cast<int64_t>(row.due_ns) >= kCaughtUpNs) return;
    noted_caught_up_ = true;
    PublishFile(output_, "caught-" + suffix_, std::to_string(now_ns));
  }

  std::string output_;
  std::string suffix_;
  bool noted_first_ = false;
  bool noted_caught_up_ = false;
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("REC");
  EnableCheckpoints(env, args);
  const std::string& output = args.Required("output");
  const EventSourceOptions source = SourceOptions(args);
  env.FromSource(EventSource(ScheduledGenerator(KeyedArguments(args), source.warm_up), source), "records").Uid("records")
      .KeyBy(&KeyedRecord::key)
      .Process(RunningCount()).Name("running count").Uid("running-count")
      .Map(NoteBeat(output)).Name("beat")
      .SinkTo(DigestSink(output)).Uid("digest");
}
