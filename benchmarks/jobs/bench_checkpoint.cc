// CKPT: a keyed count that notes its progress, so that stops and dips during checkpoints can be seen from the records' side.
//
//   progress-<subtask>: "begin_ns last_ns bucket_ns", the records of each bucket, the stops as "from_ns:length_ns"
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/keyed_arguments.h"

using namespace weir;
using namespace weir::bench;

namespace {

// Thread: task. Reads the clock once in a few records.
class Progress {
 public:
  void Count() {
    if (++uncounted_ == kRecordsPerReading) Read();
  }
  void Publish(const std::string& output, const std::string& file) {
    std::string text = std::to_string(begin_ns_) + " " + std::to_string(last_ns_) + " " + std::to_string(kBucketNs) + "\n";
    for (const uint64_t count : buckets_) text += std::to_string(count) + " ";
    text += "\n";
    for (const auto& [from_ns, length_ns] : stops_) text += std::to_string(from_ns) + ":" + std::to_string(length_ns) + " ";
    PublishFile(output, file, text);
  }

 private:
  static constexpr uint32_t kRecordsPerReading = 64;
  static constexpr int64_t kBucketNs = 100'000'000;
  static constexpr size_t kBucketsMax = 36'000;  // An hour; what comes later counts for the last one.
  static constexpr int64_t kStopNs = 1'000'000;
  static constexpr size_t kStopsMax = 100'000;

  void Read() {
    const int64_t now_ns = MonotonicNanos();
    if (begin_ns_ == 0) begin_ns_ = last_ns_ = now_ns;
    const size_t bucket = std::min(static_cast<size_t>((now_ns - begin_ns_) / kBucketNs), kBucketsMax - 1);
    if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
    buckets_[bucket] += std::exchange(uncounted_, 0);
    if (now_ns - last_ns_ >= kStopNs && stops_.size() < kStopsMax) stops_.emplace_back(last_ns_, now_ns - last_ns_);
    last_ns_ = now_ns;
  }

  uint32_t uncounted_ = 0;
  int64_t begin_ns_ = 0;
  int64_t last_ns_ = 0;
  std::vector<uint64_t> buckets_;
  std::vector<std::pair<int64_t, int64_t>> stops_;  // From and length; only those of a millisecond and more.
};

class RunningSum final : public KeyedProcessFunction<uint64_t, KeyedRecord, uint64_t> {
 public:
  explicit RunningSum(std::string output) : output_(std::move(output)) {}
  void Open(RuntimeContext& context) override { file_ = "progress-" + std::to_string(context.SubtaskIndex()); }
  void ProcessElement(const KeyedRecord& record, Context&, Collector<uint64_t>&) override {
    const uint64_t* const sum = sum_.Peek();
    sum_.Update(sum == nullptr ? record.value : *sum + record.value);
    progress_.Count();
  }
  void Finish(Context& context, Collector<uint64_t>& out) override { out.Collect(CountHash(context.CurrentKey(), *sum_.Peek())); }
  void Close() override {
    if (!file_.empty()) progress_.Publish(output_, file_);
  }

 private:
  std::string output_;
  std::string file_;
  Progress progress_;
  ValueState<uint64_t> sum_{"sum"};
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("CKPT");
  EnableCheckpoints(env, args);
  const std::string& output = args.Required("output");
  env.FromSource(EventSource(KeyedGenerator(KeyedArguments(args)), SourceOptions(args)), "records").Uid("records")
      .KeyBy(&KeyedRecord::key)
      .Process(RunningSum(output)).Name("sum").Uid("sum")
      .SinkTo(DigestSink(output, DigestSink::Note::kEachCheckpoint)).Uid("digest");
}
