#include <weir/state/value_state.h>

namespace weir {
namespace {

// The innermost open scope of this thread. Handles are made deep inside user constructors: no argument reaches them.
thread_local StateHandleScope* current_scope = nullptr;

}  // namespace

StateHandle::StateHandle(Declaration declaration) : declaration_(std::move(declaration)) {
  if (current_scope != nullptr) current_scope->seen_.push_back(this);
}

StateHandle::StateHandle(const StateHandle& other) : declaration_(other.declaration_) {
  if (current_scope != nullptr) current_scope->seen_.push_back(this);
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
