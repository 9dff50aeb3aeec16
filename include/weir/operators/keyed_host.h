// What operators with a keyed process function have in common: state, timers, side outputs.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include <weir/collector.h>
#include <weir/operators/function_host.h>
#include <weir/operators/keyed_rows.h>
#include <weir/operators/keyed_timers.h>
#include <weir/operators/side_outputs.h>

namespace weir::internal {

template <class Method>
struct ClassOfMethod;
template <class R, class C, class... A>
struct ClassOfMethod<R (C::*)(A...)> {
  using Type = C;
};

// Whether F overrides OnTimer: only then it can have timers.
template <class F>
constexpr bool HasOnTimer() {
  if constexpr (requires { typename F::OnTimerContext; }) {
    return !std::is_same_v<typename ClassOfMethod<decltype(&F::OnTimer)>::Type, typename F::FunctionBase>;
  } else {
    return false;
  }
}

// An operator whose function's states are found: made in one place, so that they are.
template <class Op, class... Args>
std::unique_ptr<Operator> MakeKeyed(const Args&... args) {
  StateHandleScope scope;
  auto made = std::make_unique<Op>(args...);
  made->FindStates(scope);
  return made;
}

template <class K, class O, class F>
class KeyedFunctionHost : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;

  void FindStates(const StateHandleScope& scope) { handles_ = scope.In(&this->function_, sizeof(F)); }
  void DeclareKeyedState(KeyedStateStore& store) override {
    store_ = &store;
    std::vector<StateHandle*> handles = handles_;
    if constexpr (kTimers) handles.push_back(&timers_.state());
    DeclareColumns<K>(store, handles);
  }
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<O>(), context.output, context.output_bounds);
    side_outputs_.emplace(context);
    if constexpr (kTimers) {
      timers_.Open(*store_, context);
    } else {
      timers_.OpenClocks(context);
    }
    FunctionHost<F>::Open(context);
  }
  std::optional<int64_t> OnWatermark(int64_t watermark_ms) override {
    timers_.SetWatermark(watermark_ms);
    if constexpr (kTimers) FireTimers(TimeDomain::kEventTime, watermark_ms);
    return watermark_ms;
  }
  void OnProcessingTime(int64_t now_ms) override {
    if constexpr (kTimers) FireTimers(TimeDomain::kProcessingTime, now_ms - 1);
  }

 protected:
  static constexpr bool kTimers = HasOnTimer<F>();

  // Calls body(row, collector) for each row with its key current and `context` set to it.
  template <class T, class Selector, class Context, class Body>
  void ForEachElement(RecordBatch& batch, Selector& selector, Context& context, Body&& body) {
    Collector<O> collector(*out_);
    context.Bind(timers_, *side_outputs_);
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) out_->ClearTimestamp();
    ForEachKeyedRow<T>(batch, *store_, selector, [&](const T& row, const K& key, uint32_t i) {
      if (timestamps != nullptr) out_->SetTimestamp(timestamps[i]);
      context.Set(key, timestamps != nullptr ? std::optional<int64_t>(timestamps[i]) : std::nullopt);
      if constexpr (kTimers) timers_.SetCurrentKey(&key);
      body(row, collector);
    });
    EndOfCalls(batch.size());
  }
  // Calls body(collector) once per live key.
  template <class Context, class Body>
  void ForEachLiveKey(Context& context, Body&& body) {
    Collector<O> collector(*out_);
    context.Bind(timers_, *side_outputs_);
    out_->ClearTimestamp();
    store_->ForEachKey([&](const void* key) {
      const K current = *static_cast<const K*>(key);  // Clearing its state destroys the key in the table.
      store_->KeepKey(current);
      context.Set(current, std::nullopt);
      if constexpr (kTimers) timers_.SetCurrentKey(&current);
      body(collector);
    });
    EndOfCalls(0);
  }
  // For functions whose contexts know more than this class does.
  virtual void FireTimers(TimeDomain domain, int64_t until_ms) {
    if constexpr (kTimers) {
      typename F::OnTimerContext context;
      Fire(domain, until_ms, context);
    }
  }
  template <class Context>
  void Fire(TimeDomain domain, int64_t until_ms, Context& context) {
    Collector<O> collector(*out_);
    context.Bind(timers_, *side_outputs_);
    context.SetDomain(domain);
    if (domain == TimeDomain::kProcessingTime) out_->ClearTimestamp();
    timers_.FireUntil(domain, until_ms, [&](const K& key, int64_t timestamp) {
      if (domain == TimeDomain::kEventTime) out_->SetTimestamp(timestamp);
      context.Set(key, timestamp);
      this->function_.F::OnTimer(timestamp, context, collector);
    });
    EndOfCalls(0);
  }
  void EndOfCalls(uint32_t record_count) {
    if constexpr (kTimers) timers_.EndBatch(record_count);
    out_->Flush();
    side_outputs_->Flush();
  }

  KeyedStateStore* store_ = nullptr;
  std::optional<OutputBuffer> out_;
  std::optional<SideOutputs> side_outputs_;
  std::conditional_t<kTimers, KeyedTimers<K>, Clocks> timers_;

 private:
  std::vector<StateHandle*> handles_;  // Inside function_.
};

}  // namespace weir::internal
