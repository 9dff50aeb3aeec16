#include "runtime/task/snapshot_upload.h"

#include "base/check.h"

namespace weir {

SnapshotUpload::SnapshotUpload(const SnapshotStorage& storage, CheckpointLayout::StateFile name, Done done)
    : storage_(storage), name_(name), done_(std::move(done)), started_ns_(storage.clock.MonotonicNanos()) {}

void SnapshotUpload::Enqueue(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  if (running_) return;
  running_ = true;
  if (!storage_.pool.Submit([self = shared_from_this()] { self->RunQueued(); })) {
    // The pool is full or stopping: a snapshot that cannot be written is no snapshot, and time-outs say so.
    running_ = false;
    queue_.clear();
  }
}

void SnapshotUpload::RunQueued() {
  while (true) {
    std::function<void()> work;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        running_ = false;
        return;
      }
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

std::string SnapshotUpload::NextPath(uint32_t operator_index) {
  name_.operator_index = operator_index;
  const std::string path = storage_.layout.StateFilePath(name_);
  ++name_.sequence;
  return path;
}

OperatorSubtaskState& SnapshotUpload::StateOf(OperatorId id) {
  for (OperatorSubtaskState& state : states_) {
    if (state.operator_id == id) return state;
  }
  states_.emplace_back().operator_id = id;
  return states_.back();
}

void SnapshotUpload::SetOperatorState(OperatorId id, uint32_t operator_index, std::unique_ptr<OperatorStateWriter> writer) {
  // A copyable closure needs a shared owner.
  Enqueue([this, id, operator_index, shared = std::shared_ptr<OperatorStateWriter>(std::move(writer))] {
    if (!status_.ok() || abandoned_) return;
    StatusOr<OperatorStateHandle> handle = shared->Finish(storage_.files, NextPath(operator_index), storage_.inline_size_bytes_max);
    status_ = handle.status();
    if (handle.ok()) StateOf(id).operator_state.push_back(std::move(*handle));
  });
}

void SnapshotUpload::BeginKeyed(OperatorId id, uint32_t operator_index, SnapshotHeader header) {
  Enqueue([this, id, operator_index, header = std::move(header)] {
    const SnapshotFileWriter::Options options{NextPath(operator_index), storage_.inline_size_bytes_max};
    keyed_.push_back({id, header.key_groups, operator_index, std::make_unique<SnapshotFileWriter>(storage_.files, options, header)});
  });
}

void SnapshotUpload::AddBlock(uint32_t operator_index, SnapshotBlock block) {
  const size_t size_bytes = block.bytes.size();
  pending_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  Enqueue([this, operator_index, size_bytes, shared = std::make_shared<SnapshotBlock>(std::move(block))] {
    pending_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed);
    if (!status_.ok() || abandoned_) return;
    for (Keyed& keyed : keyed_) {
      if (keyed.operator_index == operator_index) status_ = keyed.writer->AddBlock(std::move(*shared));
    }
  });
}

void SnapshotUpload::Seal() {
  Enqueue([this] { FinishAll(); });
}

void SnapshotUpload::FinishAll() {
  if (abandoned_) {
    keyed_.clear();
    return;
  }
  for (Keyed& keyed : keyed_) {
    if (!status_.ok()) break;
    StatusOr<StateBytes> bytes = keyed.writer->Finish();
    status_ = bytes.status();
    if (bytes.ok()) StateOf(keyed.id).keyed.push_back({keyed.key_groups, std::move(*bytes)});
  }
  keyed_.clear();
  const int64_t async_us = (storage_.clock.MonotonicNanos() - started_ns_) / 1'000;
  if (status_.ok()) {
    done_(std::move(states_), async_us);
  } else {
    done_(status_, async_us);
  }
}

}  // namespace weir
