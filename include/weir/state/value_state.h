// ValueState<T>: one value per key. A member of a keyed function declares it; the engine finds it there.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/state/keyed_state_store.h>

namespace weir {

// What every state handle is to the engine: a declaration, and later its binding to a store.
class StateHandle {
 public:
  struct Declaration {
    std::string name;
    std::string kind;
    const TypeInfo* type = nullptr;
  };

  const Declaration& declaration() const { return declaration_; }
  // Requires: the store has its layout.
  void Bind(KeyedStateStore& store, uint32_t column) {
    store_ = &store;
    column_ = column;
    offset_ = store.layout().columns[column].offset;
  }

 protected:
  explicit StateHandle(Declaration declaration);
  StateHandle(const StateHandle& other);
  StateHandle& operator=(const StateHandle&) = delete;
  ~StateHandle() = default;

  Declaration declaration_;
  KeyedStateStore* store_ = nullptr;
  uint32_t column_ = 0;
  uint32_t offset_ = 0;  // Of the column in a row.
};

// While it lives, it notes every handle that is constructed or copied on this thread: so the engine finds the handles
// of a function that it copies, by their place in the object.
class StateHandleScope {
 public:
  StateHandleScope();
  ~StateHandleScope();
  StateHandleScope(const StateHandleScope&) = delete;
  StateHandleScope& operator=(const StateHandleScope&) = delete;

  // The handles inside [object, object + size_bytes), in order of their address.
  std::vector<StateHandle*> In(const void* object, size_t size_bytes) const;

 private:
  friend class StateHandle;
  std::vector<StateHandle*> seen_;
  StateHandleScope* outer_ = nullptr;
};

// Only valid inside a keyed function, while a record, timer or Finish is being processed.
template <class T>
class ValueState final : public StateHandle {
 public:
  explicit ValueState(std::string name) : StateHandle({std::move(name), "value", &TypeOf<T>()}) {}
  ValueState(const ValueState&) = default;

  // The current key's value; nothing when none was set or it was cleared.
  std::optional<T> Value() const {
    const T* value = Peek();
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
  }
  // The same without a copy; null when there is none. Valid until the next call on any state of this function.
  const T* Peek() const {
    if (!store_->HasValue(column_)) return nullptr;
    return reinterpret_cast<const T*>(store_->CurrentRow() + offset_);
  }
  void Update(T value) {
    bool constructed = false;
    T* place = static_cast<T*>(store_->BeginWrite(column_, constructed));
    if (constructed) {
      *place = std::move(value);
    } else {
      std::construct_at(place, std::move(value));
    }
  }
  void Clear() { store_->ClearValue(column_); }
};

}  // namespace weir
