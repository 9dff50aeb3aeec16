// The side outputs of one operator in one subtask.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include <weir/core/owned_bytes.h>
#include <weir/engine/operator.h>
#include <weir/engine/output.h>
#include <weir/output_tag.h>

namespace weir::internal {

// Thread: task.
class SideOutputs {
 public:
  // `context` outlives it.
  explicit SideOutputs(const OperatorContext& context) : context_(context) {}

  // Dropped when nobody reads the output. std::logic_error when its readers take records of another type.
  template <class T>
  void Emit(const OutputTag<T>& tag, T value, std::optional<int64_t> timestamp) {
    OutputBuffer* const buffer = Find(tag.id(), TypeOf<T>());
    if (buffer == nullptr) return;
    timestamp.has_value() ? buffer->SetTimestamp(*timestamp) : buffer->ClearTimestamp();
    buffer->Reserve();
    const T* const row = std::construct_at(reinterpret_cast<T*>(buffer->cursor()), std::move(value));
    buffer->Advance(sizeof(T));
    if constexpr (kOwnsMemory<T>) buffer->AddOwned(OwnedBytes(*row));
  }
  // With the main output, behind each batch: nothing waits here across a barrier.
  void Flush();

 private:
  struct Output {
    std::string id;
    const TypeInfo* type = nullptr;
    std::optional<OutputBuffer> buffer;  // Nothing: nobody reads it.
  };
  OutputBuffer* Find(const std::string& id, const TypeInfo& type);

  const OperatorContext& context_;
  std::deque<Output> outputs_;  // Few; those that something was emitted to.
};

}  // namespace weir::internal
