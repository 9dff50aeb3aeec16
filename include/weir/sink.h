// The general sink interface: writers prepare, a committer makes visible once the checkpoint is durable.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/runtime_context.h>

namespace weir {

// Names one subtask's transactions (R12).
struct SinkContext {
  RuntimeContext& runtime;
  std::string job_id;
  std::string operator_id;
  std::string attempt;
};

template <class T>
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  virtual void Write(std::span<const T> records) = 0;
  // Makes everything written since the last call durable but invisible; returns what a commit needs. Empty is legal (R13).
  virtual std::vector<std::string> PrepareCommit(uint64_t checkpoint_id) = 0;
};

class SinkCommitter {
 public:
  virtual ~SinkCommitter() = default;
  // Makes it visible. Idempotent: called again after a restore. Throws when it cannot.
  virtual void Commit(const std::string& committable) = 0;
  // The first checkpoint after a start or restore completed: what earlier attempts left uncommitted may go.
  virtual void RemoveLeftovers() {}
};

template <class T>
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::unique_ptr<SinkWriter<T>> CreateWriter(const SinkContext& context) const = 0;
  virtual std::unique_ptr<SinkCommitter> CreateCommitter(const SinkContext& context) const = 0;
};

}  // namespace weir
