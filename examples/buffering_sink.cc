// A sink that writes records in groups of five, and keeps what it has not written yet as operator state: a restart loses
// nothing of it, and another parallelism deals it out anew.
//
//   weir run buffering_sink.so --output /path/to/groups
#include <weir/weir.h>

#include <fstream>
#include <stdexcept>

using namespace std::chrono_literals;

class BufferingSink final : public weir::SinkFunction<std::string>, public weir::CheckpointedFunction {
 public:
  BufferingSink(size_t threshold, std::string directory) : threshold_(threshold), directory_(std::move(directory)) {}

  void InitializeState(weir::FunctionInitializationContext& context) override {
    checkpointed_ = context.OperatorState().GetListState<std::string>("buffered-elements");
    if (context.IsRestored()) buffered_ = checkpointed_.Get();
  }
  void SnapshotState(const weir::FunctionSnapshotContext&) override { checkpointed_.Update(buffered_); }
  void Open(weir::RuntimeContext& context) override { path_ = directory_ + "/subtask-" + std::to_string(context.SubtaskIndex()); }
  void Invoke(const std::string& value, const weir::SinkFunctionContext&) override {
    buffered_.push_back(value);
    if (buffered_.size() == threshold_) Write();
  }
  void Finish() override { Write(); }

 private:
  // One line per group.
  void Write() {
    if (buffered_.empty()) return;
    std::ofstream file(path_, std::ios::app);
    for (size_t i = 0; i < buffered_.size(); ++i) file << (i == 0 ? "" : ",") << buffered_[i];
    file << "\n" << std::flush;
    if (!file) throw std::runtime_error("cannot write to " + path_);
    buffered_.clear();
  }

  const size_t threshold_;
  const std::string directory_;
  std::string path_;
  std::vector<std::string> buffered_;
  weir::OperatorListState<std::string> checkpointed_;
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Buffering Sink");
  env.EnableCheckpointing(1s);
  std::vector<std::string> elements;
  for (int i = 1; i <= 12; ++i) elements.push_back("a" + std::to_string(i));
  env.FromCollection(elements).Uid("elements")
      .Rebalance()
      .AddSink(BufferingSink(5, args.Required("output"))).SetParallelism(2).Name("groups").Uid("groups");
}
