// Map, Filter and FlatMap over batches.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <weir/core/owned_bytes.h>
#include <weir/operators/function_host.h>
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

// What Map and FlatMap have in common: an output of another type.
template <class F, class O>
class FunctionOperator : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<O>(), context.output, context.output_bounds);
    FunctionHost<F>::Open(context);
  }

 protected:
  std::optional<OutputBuffer> out_;
};

// The same for an operator whose output is its input's batch.
template <class F>
class InPlaceOperator : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;
  void Open(OperatorContext& context) override {
    output_ = &context.output;
    FunctionHost<F>::Open(context);
  }

 protected:
  BatchSink* output_ = nullptr;
};

template <class F, class I, class O>
class MapOperator final : public FunctionOperator<F, O> {
 public:
  using FunctionOperator<F, O>::FunctionOperator;
  void ProcessBatch(RecordBatch& batch) override {
    OutputBuffer& out = *this->out_;
    if constexpr (std::is_trivially_destructible_v<O>) {
      out.MatchTimestamps(batch);
      for (uint32_t from = 0; from < batch.size();) from += MapRun(batch, from, out);
      out.Flush();
    } else {
      Collector<O> collector(out);
      ForEachRow<I>(batch, out, [&](I& row) { collector.Collect(CallMap(this->function_, std::as_const(row))); });
    }
  }

 private:
  // As many rows as the output's batch has room for. Should the function throw, nothing needs to be destroyed.
  uint32_t MapRun(RecordBatch& batch, uint32_t from, OutputBuffer& out) {
    const std::span<O> room = out.template Room<O>(batch.size() - from);
    const I* row = batch.Rows<I>() + from;
    for (O& result : room) std::construct_at(&result, CallMap(this->function_, *row++));
    out.Advance(room, batch.has_timestamps() ? batch.timestamps() + from : nullptr);
    return static_cast<uint32_t>(room.size());
  }
};

// To the same type: each record becomes its result where it stands, and the batch goes on with its timestamps.
template <class F, class I>
class MapOperator<F, I, I> final : public InPlaceOperator<F> {
 public:
  using InPlaceOperator<F>::InPlaceOperator;
  void ProcessBatch(RecordBatch& batch) override {
    size_t owned_bytes = 0;
    for (I& row : std::span(batch.Rows<I>(), batch.size())) {
      row = CallMap(this->function_, std::as_const(row));
      owned_bytes += OwnedBytes(row);
    }
    batch.SetSize(batch.size(), owned_bytes);
    this->output_->Push(std::move(batch));
  }
};

template <class F, class I>
class FilterOperator final : public InPlaceOperator<F> {
 public:
  using InPlaceOperator<F>::InPlaceOperator;
  void ProcessBatch(RecordBatch& batch) override {
    owned_bytes_ = 0;
    const bool has_columns = batch.has_timestamps() || batch.has_hashes();
    const uint32_t kept = has_columns ? Keep<true>(batch) : Keep<false>(batch);
    if (kept == 0) return;
    std::destroy_n(batch.Rows<I>() + kept, batch.size() - kept);
    batch.SetSize(kept, owned_bytes_);
    this->output_->Push(std::move(batch));
  }

 private:
  // Moves the records that pass to the front, in order; all stay constructed. Returns how many.
  template <bool kColumns>
  uint32_t Keep(RecordBatch& batch) {
    I* const rows = batch.Rows<I>();
    const uint32_t count = batch.size();
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (!CallFilter(this->function_, std::as_const(rows[i]))) continue;
      owned_bytes_ += OwnedBytes(rows[i]);
      if (kept != i) {
        rows[kept] = std::move(rows[i]);
        if constexpr (kColumns) MoveColumns(batch, kept, i);
      }
      ++kept;
    }
    return kept;
  }
  static void MoveColumns(RecordBatch& batch, uint32_t to, uint32_t from) {
    if (batch.has_timestamps()) batch.timestamps()[to] = batch.timestamps()[from];
    if (batch.has_hashes()) batch.hashes()[to] = batch.hashes()[from];
  }

  size_t owned_bytes_ = 0;  // Of what the batch at hand keeps.
};

template <class F, class I, class O>
class FlatMapOperator final : public FunctionOperator<F, O> {
 public:
  using FunctionOperator<F, O>::FunctionOperator;
  void ProcessBatch(RecordBatch& batch) override {
    Collector<O> collector(*this->out_);
    ForEachRow<I>(batch, *this->out_, [&](I& row) { CallFlatMap(this->function_, std::as_const(row), collector); });
  }
};

}  // namespace weir::internal
