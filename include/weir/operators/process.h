// Process functions without a key: one input or two.
#pragma once

#include <optional>

#include <weir/collector.h>
#include <weir/functions.h>
#include <weir/operators/function_host.h>
#include <weir/operators/keyed_timers.h>
#include <weir/operators/side_outputs.h>

namespace weir::internal {

// Main output, side outputs and clocks.
template <class O, class F>
class ProcessHost : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;

  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<O>(), context.output, context.output_bounds);
    side_outputs_.emplace(context);
    clocks_.OpenClocks(context);
    FunctionHost<F>::Open(context);
  }
  std::optional<int64_t> OnWatermark(int64_t watermark_ms) override {
    clocks_.SetWatermark(watermark_ms);
    return watermark_ms;
  }

 protected:
  // Calls body(row, collector) for each row, with `context` set to it.
  template <class T, class Context, class Body>
  void ForEachElement(RecordBatch& batch, Context& context, Body&& body) {
    Collector<O> collector(*out_);
    context.Bind(clocks_, *side_outputs_);
    const T* const rows = batch.Rows<T>();
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) {
      out_->ClearTimestamp();
      context.SetTimestamp(std::nullopt);
    }
    for (uint32_t i = 0; i < batch.size(); ++i) {
      if (timestamps != nullptr) {
        out_->SetTimestamp(timestamps[i]);
        context.SetTimestamp(timestamps[i]);
      }
      body(rows[i], collector);
    }
    out_->Flush();
    side_outputs_->Flush();
  }

  std::optional<OutputBuffer> out_;
  std::optional<SideOutputs> side_outputs_;
  Clocks clocks_;
};

template <class I, class O, class F>
class ProcessOperator final : public ProcessHost<O, F> {
 public:
  using ProcessHost<O, F>::ProcessHost;
  void ProcessBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I>(batch, context, [&](const I& row, Collector<O>& out) { this->function_.F::ProcessElement(row, context, out); });
  }
};

template <class I1, class I2, class O, class F>
class CoProcessOperator final : public ProcessHost<O, F> {
 public:
  using ProcessHost<O, F>::ProcessHost;
  void ProcessBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I1>(batch, context, [&](const I1& row, Collector<O>& out) { this->function_.F::ProcessElement1(row, context, out); });
  }
  void ProcessSecondBatch(RecordBatch& batch) override {
    typename F::Context context;
    this->template ForEachElement<I2>(batch, context, [&](const I2& row, Collector<O>& out) { this->function_.F::ProcessElement2(row, context, out); });
  }
};

}  // namespace weir::internal
