// The sink operator: writes, prepares at each checkpoint, commits when the checkpoint was published (R11).
#pragma once

#include <memory>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/engine/pending_commits.h>
#include <weir/sink.h>

namespace weir::internal {

template <class T>
class SinkOperator final : public Operator {
 public:
  explicit SinkOperator(std::shared_ptr<const Sink<T>> sink) : sink_(std::move(sink)) {}

  void Open(OperatorContext& context) override {
    const SinkContext sink_context{context.runtime, context.job_id, context.operator_id, context.attempt};
    commits_.emplace(sink_->CreateCommitter(sink_context));
    commits_->Restore(context.RestoredItems(PendingCommits::kStateName));
    writer_ = sink_->CreateWriter(sink_context);
  }
  void ProcessBatch(RecordBatch& batch) override {
    writer_->Write({batch.Rows<T>(), batch.size()});
  }
  void Snapshot(SnapshotContext& context) override {
    commits_->Add(context.checkpoint_id, writer_->PrepareCommit(context.checkpoint_id));
    commits_->Snapshot(context.state);
  }
  void NotifyCheckpointComplete(const CommitPermit& permit) override { commits_->Commit(permit); }
  void Close() override { writer_.reset(); }

 private:
  std::shared_ptr<const Sink<T>> sink_;  // Shared by the copies of all subtasks; immutable.
  std::unique_ptr<SinkWriter<T>> writer_;
  std::optional<PendingCommits> commits_;
};

// A sink without transactions: a function per record.
template <class T, class F>
class ForEachOperator final : public Operator {
 public:
  explicit ForEachOperator(const F& function) : function_(function) {}
  void Open(OperatorContext& context) override { function_.Open(context.runtime); }
  void ProcessBatch(RecordBatch& batch) override {
    const T* const rows = batch.Rows<T>();
    for (uint32_t i = 0; i < batch.size(); ++i) function_.Write(rows[i]);
    function_.Flush();
  }
  void Close() override { function_.Flush(); }

 private:
  F function_;
};

}  // namespace weir::internal
