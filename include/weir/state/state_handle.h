// What every state of a function is to the engine: a declaration, found as a member, and its binding to a store.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/schema.h>
#include <weir/state/keyed_state_store.h>
#include <weir/state/state_name.h>
#include <weir/state/state_ttl.h>

namespace weir {

class StateHandle {
 public:
  const StateColumn& declaration() const { return declaration_; }
  // Whether the current key, if there is one, has something here; what has expired counts until it is cleaned up.
  bool IsPresent() const { return store_->HasValue(column_); }
  // Requires: the store has its layout, and lives as long as the handle is used.
  void Bind(KeyedStateStore& store, uint32_t column) {
    store_ = &store;
    column_ = column;
    offset_ = store.layout().columns[column].offset;
  }

 protected:
  StateHandle(StateName name, StateColumn declaration);  // Without the name.
  StateHandle(const StateHandle& other);
  StateHandle& operator=(const StateHandle&) = delete;
  ~StateHandle() = default;

  // std::logic_error, naming the state, when no key is current: then there is nothing to read and no place to write.
  void RequireKey() const {
    if (!store_->HasKey()) [[unlikely]] ThrowOutsideOfKey();
  }
  // Writes a value into the column, whether one is there or not. Requires: a key is current.
  template <class T>
  void Write(T value) {
    bool constructed = false;
    T* const place = static_cast<T*>(store_->BeginWrite(column_, constructed));
    if (constructed) {
      *place = std::move(value);
    } else {
      std::construct_at(place, std::move(value));
    }
  }
  // The current key's value; null when there is none. Throws as RequireKey does.
  template <class T>
  const T* Read() const {
    if (!store_->HasValue(column_)) {
      RequireKey();
      return nullptr;
    }
    return reinterpret_cast<const T*>(store_->CurrentRow() + offset_);
  }
  [[noreturn]] void ThrowOutsideOfKey() const;

  // ---- The same for values that may have a time-to-live ----
  bool has_ttl() const { return declaration_.ttl.on(); }
  // What has expired is cleared; if it may be seen once more, it is moved to `expired`.
  template <class T>
  const T* ReadLive(std::optional<T>& expired) const {
    return has_ttl() ? ReadTimed(expired) : Read<T>();
  }
  template <class T>
  void WriteLive(T value) {
    if (has_ttl()) {
      Write<Timed<T>>(Timed<T>(store_->NowMs(), std::move(value)));
    } else {
      Write<T>(std::move(value));
    }
  }

  template <class T>
  const T* ReadTimed(std::optional<T>& expired) const {
    RequireKey();
    store_->CleanUpOnAccess(column_);
    const Timed<T>* const timed = Read<Timed<T>>();
    if (timed == nullptr) return nullptr;
    const int64_t now_ms = store_->NowMs();
    if (timed->last_access_ms > declaration_.ttl.ExpiredUntil(now_ms)) {
      bool constructed = false;
      if (declaration_.ttl.update_on_read) static_cast<Timed<T>*>(store_->BeginWrite(column_, constructed))->last_access_ms = now_ms;
      return &timed->value;
    }
    if (declaration_.ttl.return_expired) expired = timed->value;
    store_->ClearValue(column_);
    return declaration_.ttl.return_expired ? &*expired : nullptr;
  }

  StateColumn declaration_;
  KeyedStateStore* store_;  // Never null: one without a key until it is bound.
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

}  // namespace weir
