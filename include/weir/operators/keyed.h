// Keyed operators: a function with state of the current key.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <weir/operators/keyed_host.h>
#include <weir/state/value_state.h>

namespace weir::internal {

template <class K, class I, class O, class F, class Selector>
class KeyedProcessOperator final : public KeyedFunctionHost<K, O, F> {
 public:
  KeyedProcessOperator(const F& function, const Selector& selector) : KeyedFunctionHost<K, O, F>(function), selector_(selector) {}

  void ProcessBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I>(batch, selector_, context, [&](const I& row, Collector<O>& out) { this->function_.F::ProcessElement(row, context, out); });
  }
  void Finish() override {
    typename F::Context context;
    this->ForEachLiveKey(context, [&](Collector<O>& out) { this->function_.F::Finish(context, out); });
  }

 private:
  Selector selector_;
};

enum class KeyedCall : uint8_t { kMap, kFlatMap, kFilter };

// Map, FlatMap and Filter of a keyed stream: their function may have state of the key.
template <class K, class T, class O, class F, class Selector, KeyedCall kCall>
class KeyedRecordOperator final : public KeyedFunctionHost<K, O, F> {
 public:
  KeyedRecordOperator(const F& function, const Selector& selector) : KeyedFunctionHost<K, O, F>(function), selector_(selector) {}

  void ProcessBatch(RecordBatch& batch) override {
    KeyedContext<K> context;
    this->template ForEachElement<T>(batch, selector_, context, [this](const T& row, Collector<O>& out) {
      if constexpr (kCall == KeyedCall::kMap) {
        out.Collect(CallMap(this->function_, row));
      } else if constexpr (kCall == KeyedCall::kFlatMap) {
        CallFlatMap(this->function_, row, out);
      } else if (CallFilter(this->function_, row)) {
        out.Collect(row);
      }
    });
  }

 private:
  Selector selector_;
};

// Keyed Reduce and the aggregations built on it: emits the new running value for every record.
template <class K, class T, class F, class Selector>
class ReduceOperator final : public FunctionHost<F> {
 public:
  static constexpr const char* kStateName = "_op_state";

  ReduceOperator(const F& function, const Selector& selector) : FunctionHost<F>(function), selector_(selector) {}
  void DeclareKeyedState(KeyedStateStore& store) override {
    store_ = &store;
    DeclareColumns<K>(store, {&value_});
  }
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<T>(), context.output, context.output_bounds);
    FunctionHost<F>::Open(context);
  }
  void ProcessBatch(RecordBatch& batch) override {
    Collector<T> collector(*out_);
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) out_->ClearTimestamp();
    ForEachKeyedRow<T>(batch, *store_, selector_, [&](const T& row, const K&, uint32_t i) {
      if (timestamps != nullptr) out_->SetTimestamp(timestamps[i]);
      const T* const old = value_.Peek();
      T updated = old == nullptr ? row : CallReduce(this->function_, *old, row);
      value_.Update(updated);
      collector.Collect(std::move(updated));
    });
    out_->Flush();
  }

 private:
  Selector selector_;
  ValueState<T> value_{kStateName};
  KeyedStateStore* store_ = nullptr;
  std::optional<OutputBuffer> out_;
};

}  // namespace weir::internal
