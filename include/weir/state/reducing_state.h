// ReducingState<T>: what a function makes of all values that were added under a key.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/state/state_handle.h>

namespace weir {

// F: T(const T& folded, const T& added), or a ReduceFunction<T>. The first value of a key is taken as it is.
//
//   weir::ReducingState<int64_t> sum_{"sum", std::plus<>()};
template <class T, class F = std::function<T(const T&, const T&)>>
class ReducingState final : public StateHandle {
 public:
  explicit ReducingState(StateName name, F reduce)
      : StateHandle(std::move(name), {.name = {}, .type = &TypeOf<T>(), .kind = "reducing", .complete_schema = &CompleteSchema<T>}),
        reduce_(std::move(reduce)) {}
  ReducingState(StateName name, F reduce, const StateTtlConfig& ttl)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &TypeOf<Timed<T>>(),
                     .kind = "reducing",
                     .schema_of = &SchemaOf<T>,
                     .ttl = ttl.settings(),
                     .complete_schema = &CompleteSchema<T>}),
        reduce_(std::move(reduce)) {}
  ReducingState(const ReducingState&) = default;

  // What was folded so far; nothing when nothing was added since the last Clear.
  std::optional<T> Get() const {
    const T* const value = Peek();
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
  }
  // The same without a copy. Valid until the next call on any state of this function.
  const T* Peek() const { return ReadLive<T>(expired_); }
  // An exception of the function leaves the state as it was.
  void Add(const T& value) {
    const T* const folded = Peek();
    WriteLive<T>(folded != nullptr ? Reduce(*folded, value) : value);
  }
  void Clear() {
    RequireKey();
    store_->ClearValue(column_);
  }

 private:
  T Reduce(const T& folded, const T& added) {
    if constexpr (requires { reduce_.Reduce(folded, added); }) {
      return reduce_.Reduce(folded, added);
    } else {
      static_assert(std::is_invocable_r_v<T, F&, const T&, const T&>, "ReducingState takes [](const T& folded, const T& added) { return combined; }");
      return reduce_(folded, added);
    }
  }

  F reduce_;
  mutable std::optional<T> expired_;  // Seen once more.
};

}  // namespace weir
