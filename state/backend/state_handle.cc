#include <weir/state/state_handle.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace weir {
namespace {

// The innermost open scope of this thread. Handles are made deep inside user constructors: no argument reaches them.
thread_local StateHandleScope* current_scope = nullptr;

// What handles stand on before they are bound: no key is ever current. Nothing changes it, so threads may share it.
KeyedStateStore& NoStore() {
  static KeyedStateStore none(0, 0, 1);
  return none;
}

}  // namespace

StateHandle::StateHandle(StateName name, StateColumn declaration) : declaration_(std::move(declaration)), store_(&NoStore()) {
  declaration_.name = std::move(name.name);
  declaration_.former_names = std::move(name.former_names);
  if (current_scope != nullptr) current_scope->seen_.push_back(this);
}

StateHandle::StateHandle(const StateHandle& other) : declaration_(other.declaration_), store_(&NoStore()) {
  if (current_scope != nullptr) current_scope->seen_.push_back(this);
}

void StateHandle::ThrowOutsideOfKey() const {
  throw std::logic_error("state \"" + declaration_.name +
                         "\" is used where no key is current: keyed state is there only in functions on a KeyedStream, while they process a record");
}

StateHandleScope::StateHandleScope() : outer_(std::exchange(current_scope, this)) {}

StateHandleScope::~StateHandleScope() { current_scope = outer_; }

std::vector<StateHandle*> StateHandleScope::In(const void* object, size_t size_bytes) const {
  const std::less<const void*> before;
  const void* const end = static_cast<const std::byte*>(object) + size_bytes;
  std::vector<StateHandle*> inside;
  for (StateHandle* const handle : seen_) {
    if (!before(handle, object) && before(handle, end)) inside.push_back(handle);
  }
  std::sort(inside.begin(), inside.end(), before);
  return inside;
}

}  // namespace weir
