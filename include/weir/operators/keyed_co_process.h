// Functions of two keyed streams.
#pragma once

#include <weir/co_functions.h>
#include <weir/operators/keyed_host.h>

namespace weir::internal {

template <class K, class I1, class I2, class O, class F, class Selector1, class Selector2>
class KeyedCoProcessOperator final : public KeyedFunctionHost<K, O, F> {
 public:
  KeyedCoProcessOperator(const F& function, const Selector1& selector1, const Selector2& selector2)
      : KeyedFunctionHost<K, O, F>(function), selector1_(selector1), selector2_(selector2) {}

  void ProcessBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I1>(batch, selector1_, context, [&](const I1& row, Collector<O>& out) { this->function_.F::ProcessElement1(row, context, out); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I2>(batch, selector2_, context, [&](const I2& row, Collector<O>& out) { this->function_.F::ProcessElement2(row, context, out); });
  }

 private:
  Selector1 selector1_;
  Selector2 selector2_;
};

}  // namespace weir::internal
