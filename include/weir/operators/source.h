// The two halves of a source: the enumerator that hands out splits and the reader that reads them.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/source.h>
#include <weir/state/operator_state.h>

namespace weir::internal {

inline constexpr const char* kSplitsState = "splits";

template <class SplitT>
std::string EncodeSplit(const SplitT& split) {
  ByteWriter out;
  Serde<SplitT>::Encode(split, out);
  return out.Take();
}

template <class SplitT>
std::vector<SplitT> DecodeSplits(const std::vector<std::string>& items) {
  std::vector<SplitT> splits;
  for (const std::string& item : items) {
    ByteReader in(item);
    SplitT split{};
    if (!Serde<SplitT>::Decode(in, split) || !in.AtEnd()) throw std::runtime_error("split in a checkpoint does not decode");
    splits.push_back(std::move(split));
  }
  return splits;
}

// Those of the restored checkpoint, migrated where their schema has changed.
template <class SplitT>
std::vector<SplitT> RestoredSplits(OperatorContext& context) {
  OperatorStateStore restored(context.restored_operator_state());
  restored.GetListState<SplitT>(kSplitsState);
  return std::move(restored.Find<OperatorList<SplitT>>(kSplitsState)->items);
}

template <class SplitT>
void SaveSplits(const std::vector<SplitT>& splits, OperatorStateSink& state) {
  state.Declare(kSplitsState, OperatorStateSink::Mode::kEvenSplit, SchemaOf<SplitT>());
  for (const SplitT& split : splits) state.Add(kSplitsState, EncodeSplit(split));
}

template <class T, class SplitT>
class EnumeratorOperator final : public Operator {
 public:
  EnumeratorOperator(std::shared_ptr<const Source<T, SplitT>> source, uint32_t readers) : source_(std::move(source)), readers_(readers) {}

  void Open(OperatorContext& context) override {
    distributor_ = context.distributor;
    std::optional<std::vector<SplitT>> restored;
    if (context.restored()) restored = RestoredSplits<SplitT>(context);
    enumerator_ = source_->CreateEnumerator(readers_, std::move(restored));
  }
  void ProcessBatch(RecordBatch&) override {}
  PollResult Poll(bool) override {
    while (const std::optional<uint32_t> reader = distributor_->NextRequest()) {
      std::optional<SplitT> split = enumerator_->Next(*reader);
      if (!split.has_value()) return PollResult::kEnd;
      RecordBatch batch(TypeOf<SplitT>(), {.capacity_rows = 1});
      std::construct_at(batch.Rows<SplitT>(), std::move(*split));
      batch.SetSize(1);
      distributor_->Assign(*reader, std::move(batch));
    }
    return PollResult::kWait;
  }
  void Snapshot(SnapshotContext& context) override {
    SaveSplits(enumerator_->Remaining(), context.state);
  }
  void Close() override { enumerator_.reset(); }

 private:
  std::shared_ptr<const Source<T, SplitT>> source_;  // Shared by the copies of all subtasks; immutable.
  const uint32_t readers_;
  std::unique_ptr<SplitEnumerator<SplitT>> enumerator_;
  WorkDistributor* distributor_ = nullptr;
};

template <class T, class SplitT>
class SourceReaderOperator final : public Operator {
 public:
  explicit SourceReaderOperator(std::shared_ptr<const Source<T, SplitT>> source) : source_(std::move(source)) {}

  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<T>(), context.output, context.output_bounds);
    rows_max_ = context.read_rows_max;
    request_work_ = context.request_work;
    wake_on_readable_ = context.wake_on_readable;
    reader_ = source_->CreateReader(context.runtime);
    for (SplitT& split : RestoredSplits<SplitT>(context)) {
      reader_->AddSplit(std::move(split));
      has_split_ = true;
    }
  }
  void ProcessBatch(RecordBatch& splits) override {
    for (uint32_t i = 0; i < splits.size(); ++i) reader_->AddSplit(std::move(splits.Rows<SplitT>()[i]));
    has_split_ = true;
    requested_ = false;
  }
  PollResult Poll(bool inputs_drained) override {
    if (!has_split_) {
      if (inputs_drained) return PollResult::kEnd;
      if (!requested_) request_work_(1);
      requested_ = true;
      return PollResult::kWait;
    }
    Collector<T> collector(*out_);
    const ReadResult result = reader_->Read(collector, rows_max_);
    out_->Flush();
    if (result.kind == ReadResult::Kind::kNeedsSplit) has_split_ = false;
    if (result.kind == ReadResult::Kind::kWait) {
      wake_on_readable_(result.wait_fd);
      return PollResult::kWait;
    }
    return PollResult::kMore;
  }
  void Snapshot(SnapshotContext& context) override {
    SaveSplits(reader_->Snapshot(), context.state);
  }
  void Close() override { reader_.reset(); }

 private:
  std::shared_ptr<const Source<T, SplitT>> source_;  // Shared by the copies of all subtasks; immutable.
  std::unique_ptr<SourceReader<T, SplitT>> reader_;
  std::optional<OutputBuffer> out_;
  uint32_t rows_max_ = 1;
  std::function<void(uint32_t)> request_work_;
  std::function<void(int)> wake_on_readable_;
  bool has_split_ = false;  // The reader has something to read.
  bool requested_ = false;  // A split was asked for and has not come.
};

}  // namespace weir::internal
