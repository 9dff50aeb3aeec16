// ValueState<T>: one value per key. A member of a keyed function declares it; the engine finds it there.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/state/state_handle.h>

namespace weir {

// All states: only valid inside a keyed function, while a record, timer or Finish is being processed; std::logic_error
// elsewhere. Names are unique within a function.
template <class T>
class ValueState final : public StateHandle {
 public:
  explicit ValueState(StateName name) : StateHandle(std::move(name), {.name = {}, .type = &TypeOf<T>(), .complete_schema = &CompleteSchema<T>}) {}
  // `default_value` is what keys have that were never set, or were cleared.
  ValueState(StateName name, T default_value) : ValueState(std::move(name)) { aside_ = std::move(default_value); }
  ValueState(StateName name, const StateTtlConfig& ttl)
      : StateHandle(std::move(name),
                    {.name = {}, .type = &TypeOf<Timed<T>>(), .schema_of = &SchemaOf<T>, .ttl = ttl.settings(), .complete_schema = &CompleteSchema<T>}) {}
  ValueState(const ValueState&) = default;

  // The current key's value; else the default; nothing without one.
  std::optional<T> Value() const {
    const T* const value = Peek();
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
  }
  // The same without a copy; null for nothing. Valid until the next call on any state of this function.
  const T* Peek() const {
    if (has_ttl()) return ReadTimed(aside_);
    const T* const value = Read<T>();
    if (value != nullptr) return value;
    return aside_.has_value() ? &*aside_ : nullptr;
  }
  void Update(T value) {
    if (!store_->HasRow()) RequireKey();
    if (has_ttl()) [[unlikely]] store_->CleanUpOnAccess(column_);
    WriteLive<T>(std::move(value));
  }
  void Clear() {
    RequireKey();
    store_->ClearValue(column_);
  }

 private:
  mutable std::optional<T> aside_;  // The default; with a time-to-live, what has expired and is seen once more.
};

}  // namespace weir
