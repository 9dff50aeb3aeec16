// Map and FlatMap over two connected streams.
#pragma once

#include <weir/co_functions.h>
#include <weir/operators/stateless.h>

namespace weir::internal {

template <class F, class I1, class I2, class O>
class CoMapOperator final : public FunctionOperator<F, O> {
 public:
  using FunctionOperator<F, O>::FunctionOperator;
  void ProcessBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    ForEachRow<I1>(batch, *this->out_, [&](const I1& row) { collector.Collect(this->function_.F::Map1(row)); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    ForEachRow<I2>(batch, *this->out_, [&](const I2& row) { collector.Collect(this->function_.F::Map2(row)); });
  }
};

template <class F, class I1, class I2, class O>
class CoFlatMapOperator final : public FunctionOperator<F, O> {
 public:
  using FunctionOperator<F, O>::FunctionOperator;
  void ProcessBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    ForEachRow<I1>(batch, *this->out_, [&](const I1& row) { this->function_.F::FlatMap1(row, collector); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    ForEachRow<I2>(batch, *this->out_, [&](const I2& row) { this->function_.F::FlatMap2(row, collector); });
  }
};

// Two lambdas as a function of two streams.
template <class O, class I1, class I2, class F1, class F2>
class CoMapOf final : public CoMapFunction<I1, I2, O> {
 public:
  CoMapOf(F1 first, F2 second) : first_(std::move(first)), second_(std::move(second)) {}
  O Map1(const I1& value) override { return first_(value); }
  O Map2(const I2& value) override { return second_(value); }

 private:
  F1 first_;
  F2 second_;
};

}  // namespace weir::internal
