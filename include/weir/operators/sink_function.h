// A SinkFunction as the end of a chain.
#pragma once

#include <weir/operators/function_host.h>
#include <weir/sink_function.h>

namespace weir::internal {

template <class T, class F>
class SinkFunctionOperator final : public FunctionHost<F> {
 public:
  using FunctionHost<F>::FunctionHost;
  void Open(OperatorContext& context) override {
    context_.SetWatermark(context.watermark_ms);
    FunctionHost<F>::Open(context);
  }
  void ProcessBatch(RecordBatch& batch) override {
    const T* const rows = batch.Rows<T>();
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    for (uint32_t i = 0; i < batch.size(); ++i) {
      context_.SetTimestamp(timestamps != nullptr ? std::optional<int64_t>(timestamps[i]) : std::nullopt);
      this->function_.F::Invoke(rows[i], context_);
    }
  }
  std::optional<int64_t> OnWatermark(int64_t watermark_ms) override {
    context_.SetWatermark(watermark_ms);
    return watermark_ms;
  }
  void Finish() override { this->function_.F::Finish(); }

 private:
  SinkFunctionContext context_;
};

}  // namespace weir::internal
