// Operators of the broadcast pattern.
#pragma once

#include <functional>
#include <vector>

#include <weir/broadcast_functions.h>
#include <weir/operators/keyed_host.h>
#include <weir/operators/process.h>

namespace weir::internal {

// Makes the broadcast states that were given to Broadcast(...) exist, each one by one call.
using BroadcastDeclarations = std::vector<std::function<void(OperatorStateStore&)>>;

template <class I, class B, class O, class F>
class BroadcastProcessOperator final : public ProcessHost<O, F> {
 public:
  BroadcastProcessOperator(const F& function, const BroadcastDeclarations& declarations) : ProcessHost<O, F>(function), declarations_(declarations) {}

  void ProcessBatch(RecordBatch& batch) override {
    typename F::ReadOnlyContext context;
    context.BindStates(states_);
    this->template ForEachElement<I>(batch, context, [&](const I& row, Collector<O>& out) { this->function_.F::ProcessElement(row, context, out); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    typename F::Context context;
    context.BindStates(states_);
    this->template ForEachElement<B>(batch, context, [&](const B& row, Collector<O>& out) { this->function_.F::ProcessBroadcastElement(row, context, out); });
  }

 protected:
  void DeclareBroadcastStates(OperatorStateStore& store) override {
    for (const auto& declare : declarations_) declare(store);
    states_.Bind(store);
  }

 private:
  const BroadcastDeclarations declarations_;
  BroadcastStates states_;
};

template <class K, class I, class B, class O, class F, class Selector>
class KeyedBroadcastProcessOperator final : public KeyedFunctionHost<K, O, F> {
 public:
  KeyedBroadcastProcessOperator(const F& function, const Selector& selector, const BroadcastDeclarations& declarations)
      : KeyedFunctionHost<K, O, F>(function), selector_(selector), declarations_(declarations) {}

  void ProcessBatch(RecordBatch& batch) override {
    typename F::ReadOnlyContext context;
    context.BindStates(states_);
    this->template ForEachElement<I>(batch, selector_, context, [&](const I& row, Collector<O>& out) { this->function_.F::ProcessElement(row, context, out); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    typename F::Context context;
    context.BindStates(states_);
    context.BindStore(*this->store_);
    context.Bind(this->timers_, *this->side_outputs_);
    const B* const rows = batch.Rows<B>();
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) this->out_->ClearTimestamp();
    for (uint32_t i = 0; i < batch.size(); ++i) {
      if (timestamps != nullptr) {
        this->out_->SetTimestamp(timestamps[i]);
        context.SetTimestamp(timestamps[i]);
      }
      this->function_.F::ProcessBroadcastElement(rows[i], context, collector);
    }
    this->EndOfCalls(0);
  }

 protected:
  void DeclareBroadcastStates(OperatorStateStore& store) override {
    for (const auto& declare : declarations_) declare(store);
    states_.Bind(store);
  }
  void FireTimers(TimeDomain domain, int64_t until_ms) override {
    if constexpr (KeyedFunctionHost<K, O, F>::kTimers) {
      typename F::OnTimerContext context;
      context.BindStates(states_);
      this->Fire(domain, until_ms, context);
    }
  }

 private:
  Selector selector_;
  const BroadcastDeclarations declarations_;
  BroadcastStates states_;
};

}  // namespace weir::internal
