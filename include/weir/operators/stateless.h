// Map, Filter and FlatMap over batches.
#pragma once

#include <optional>

#include <weir/engine/operator.h>
#include <weir/operators/invoke.h>

namespace weir::internal {

// Runs `body(row)` for each row with the output's timestamp set to the row's, then pushes what was emitted.
template <class I, class Body>
void ForEachRow(RecordBatch& batch, OutputBuffer& out, Body&& body) {
  I* const rows = batch.Rows<I>();
  const uint32_t count = batch.size();
  if (batch.has_timestamps()) {
    const int64_t* const timestamps = batch.timestamps();
    for (uint32_t i = 0; i < count; ++i) {
      out.SetTimestamp(timestamps[i]);
      body(rows[i]);
    }
  } else {
    out.ClearTimestamp();
    for (uint32_t i = 0; i < count; ++i) body(rows[i]);
  }
  out.Flush();
}

// What the three have in common: a function, its life cycle and an output. Derived::Row(row, collector) is static.
template <class Derived, class F, class I, class O>
class RowOperator : public Operator {
 public:
  explicit RowOperator(const F& function) : function_(function) {}
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<O>(), context.output, context.output_rows_max);
    OpenFunction(function_, context.runtime);
  }
  void ProcessBatch(RecordBatch& batch) override {
    Collector<O> collector(*out_);
    ForEachRow<I>(batch, *out_, [&](I& row) { Derived::Row(function_, row, collector); });
  }
  void Close() override { CloseFunction(function_); }

 private:
  F function_;
  std::optional<OutputBuffer> out_;
};

template <class F, class I, class O>
struct MapOperator final : RowOperator<MapOperator<F, I, O>, F, I, O> {
  using RowOperator<MapOperator<F, I, O>, F, I, O>::RowOperator;
  static void Row(F& function, I& row, Collector<O>& out) { out.Collect(CallMap(function, std::as_const(row))); }
};

template <class F, class I>
struct FilterOperator final : RowOperator<FilterOperator<F, I>, F, I, I> {
  using RowOperator<FilterOperator<F, I>, F, I, I>::RowOperator;
  static void Row(F& function, I& row, Collector<I>& out) {
    if (CallFilter(function, std::as_const(row))) out.Collect(std::move(row));
  }
};

template <class F, class I, class O>
struct FlatMapOperator final : RowOperator<FlatMapOperator<F, I, O>, F, I, O> {
  using RowOperator<FlatMapOperator<F, I, O>, F, I, O>::RowOperator;
  static void Row(F& function, I& row, Collector<O>& out) { CallFlatMap(function, std::as_const(row), out); }
};

}  // namespace weir::internal
