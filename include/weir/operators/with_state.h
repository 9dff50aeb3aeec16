// Functions of a record and one state of its key, as keyed functions.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <weir/functions.h>

namespace weir::internal {

// The second argument of the function, std::optional<State>&, and the third, the collector, if there is one.
template <class Argument>
struct OptionalArgument : std::false_type {};
template <class S>
struct OptionalArgument<std::optional<S>&> : std::true_type {
  using State = S;
};
template <class Method>
struct WithStateSignature : std::false_type {};
template <class R, class A, class S>
struct WithStateSignature<R(A, S)> : OptionalArgument<S> {
  using Result = std::remove_cvref_t<R>;
};
template <class R, class A, class S, class O>
struct WithStateSignature<R(A, S, Collector<O>&)> : OptionalArgument<S> {
  using Result = O;
};

template <class Method>
struct PlainSignature;
template <class R, class... A>
struct PlainSignature<R (*)(A...)> {
  using Type = R(A...);
};
template <class R, class C, class... A>
struct PlainSignature<R (C::*)(A...)> {
  using Type = R(A...);
};
template <class R, class C, class... A>
struct PlainSignature<R (C::*)(A...) const> {
  using Type = R(A...);
};

template <class F>
auto WithStateOf() {
  if constexpr (std::is_pointer_v<F>) {
    return WithStateSignature<typename PlainSignature<F>::Type>();
  } else {
    static_assert(requires { &F::operator(); }, "this takes [](const Record&, std::optional<State>& state, ...) { ... }, with all types spelled");
    return WithStateSignature<typename PlainSignature<decltype(&F::operator())>::Type>();
  }
}
// Of a function that is no good, so that one message says it all.
struct NoState {
  using State = int64_t;
  using Result = int64_t;
};
template <class F>
using WithState = std::conditional_t<decltype(WithStateOf<F>())::value, decltype(WithStateOf<F>()), NoState>;

// Calls body(state) with the key's state, and keeps what it leaves there.
template <class S, class Body>
decltype(auto) KeepState(ValueState<S>& kept, Body&& body) {
  std::optional<S> state = kept.Value();
  struct Keep {
    ValueState<S>& kept;
    std::optional<S>& state;
    void operator()() {
      if (state.has_value()) {
        kept.Update(std::move(*state));
      } else {
        kept.Clear();
      }
    }
  } keep{kept, state};
  if constexpr (std::is_void_v<std::invoke_result_t<Body, std::optional<S>&>>) {
    body(state);
    keep();
  } else {
    auto result = body(state);
    keep();
    return result;
  }
}

inline constexpr const char* kWithStateName = "_op_state";

template <class K, class T, class F>
class MapWithState final : public KeyedProcessFunction<K, T, typename WithState<F>::Result> {
 public:
  using O = typename WithState<F>::Result;
  using S = typename WithState<F>::State;
  static_assert(std::is_invocable_v<F&, const T&, std::optional<S>&>,
                "MapWithState takes [](const Record&, std::optional<State>& state) { return result; }");

  explicit MapWithState(F function) : function_(std::move(function)) {}
  void ProcessElement(const T& value, typename KeyedProcessFunction<K, T, O>::Context&, Collector<O>& out) override {
    out.Collect(KeepState(state_, [&](std::optional<S>& state) { return function_(value, state); }));
  }

 private:
  F function_;
  ValueState<S> state_{kWithStateName};
};

template <class K, class T, class F>
class FlatMapWithState final : public KeyedProcessFunction<K, T, typename WithState<F>::Result> {
 public:
  using O = typename WithState<F>::Result;
  using S = typename WithState<F>::State;
  static_assert(std::is_invocable_v<F&, const T&, std::optional<S>&, Collector<O>&>,
                "FlatMapWithState takes [](const Record&, std::optional<State>& state, weir::Collector<Result>& out) { ... }");

  explicit FlatMapWithState(F function) : function_(std::move(function)) {}
  void ProcessElement(const T& value, typename KeyedProcessFunction<K, T, O>::Context&, Collector<O>& out) override {
    KeepState(state_, [&](std::optional<S>& state) { function_(value, state, out); });
  }

 private:
  F function_;
  ValueState<S> state_{kWithStateName};
};

template <class K, class T, class F>
class FilterWithState final : public KeyedProcessFunction<K, T, T> {
 public:
  using S = typename WithState<F>::State;
  static_assert(std::is_invocable_r_v<bool, F&, const T&, std::optional<S>&>,
                "FilterWithState takes [](const Record&, std::optional<State>& state) { return true; }");

  explicit FilterWithState(F predicate) : predicate_(std::move(predicate)) {}
  void ProcessElement(const T& value, typename KeyedProcessFunction<K, T, T>::Context&, Collector<T>& out) override {
    if (KeepState(state_, [&](std::optional<S>& state) -> bool { return predicate_(value, state); })) out.Collect(value);
  }

 private:
  F predicate_;
  ValueState<S> state_{kWithStateName};
};

}  // namespace weir::internal
