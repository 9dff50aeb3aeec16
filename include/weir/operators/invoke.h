// Which record types a user's callable takes and yields, and how it is called: lambda or function class.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>

#include <weir/functions.h>

namespace weir::internal {

template <class F>
concept Rich = std::derived_from<F, RichFunction>;

template <class F>
void OpenFunction(F& function, RuntimeContext& context) {
  if constexpr (Rich<F>) function.Open(context);
}
template <class F>
void CloseFunction(F& function) {
  if constexpr (Rich<F>) function.Close();
}

// ---- Map ----
template <class F, class I>
decltype(auto) CallMap(F& function, const I& value) {
  if constexpr (requires { function.Map(value); }) {
    return function.F::Map(value);
  } else {
    static_assert(std::is_invocable_v<F&, const I&>, "Map takes a function of one record, [](const Record&) { return result; }");
    return function(value);
  }
}
template <class F, class I>
using MapResult = std::remove_cvref_t<decltype(CallMap(std::declval<F&>(), std::declval<const I&>()))>;

// ---- Filter ----
template <class F, class I>
bool CallFilter(F& function, const I& value) {
  if constexpr (requires { function.Filter(value); }) {
    return function.F::Filter(value);
  } else {
    static_assert(std::is_invocable_r_v<bool, F&, const I&>, "Filter takes a predicate, [](const Record&) { return true; }");
    return function(value);
  }
}

// ---- FlatMap: the output type is that of the collector in the signature ----
template <class C>
struct CollectedType;
template <class O>
struct CollectedType<Collector<O>&> {
  using Type = O;
};

template <class Method>
struct CollectorArgument;
template <class R, class C, class A, class B>
struct CollectorArgument<R (C::*)(A, B)> : CollectedType<B> {};
template <class R, class C, class A, class B>
struct CollectorArgument<R (C::*)(A, B) const> : CollectedType<B> {};
template <class R, class A, class B>
struct CollectorArgument<R (*)(A, B)> : CollectedType<B> {};

template <class F>
auto FlatMapResultOf() {
  if constexpr (requires { &F::FlatMap; }) {
    return CollectorArgument<decltype(&F::FlatMap)>{};
  } else if constexpr (requires { &F::operator(); }) {
    return CollectorArgument<decltype(&F::operator())>{};
  } else {
    static_assert(std::is_pointer_v<F>, "FlatMap takes [](const Record&, weir::Collector<Result>& out) { ... }, with both types spelled");
    return CollectorArgument<F>{};
  }
}
template <class F>
using FlatMapResult = typename decltype(FlatMapResultOf<F>())::Type;

template <class F, class I, class O>
void CallFlatMap(F& function, const I& value, Collector<O>& out) {
  if constexpr (requires { function.FlatMap(value, out); }) {
    function.F::FlatMap(value, out);
  } else {
    function(value, out);
  }
}

// ---- Reduce ----
template <class F, class T>
T CallReduce(F& function, const T& a, const T& b) {
  if constexpr (requires { function.Reduce(a, b); }) {
    return function.F::Reduce(a, b);
  } else {
    static_assert(std::is_invocable_r_v<T, F&, const T&, const T&>, "Reduce takes [](const Record& a, const Record& b) { return combined; }");
    return function(a, b);
  }
}

// ---- Key selectors: member pointers and callables ----
template <class Selector, class T>
decltype(auto) SelectKey(Selector& selector, const T& record) {
  return std::invoke(selector, record);
}
template <class Selector, class T>
using KeyOf = std::remove_cvref_t<std::invoke_result_t<Selector&, const T&>>;

}  // namespace weir::internal
