// Assigns timestamps and watermarks in the middle of a stream.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <weir/collector.h>
#include <weir/engine/operator.h>
#include <weir/watermark_strategy.h>

namespace weir::internal {

// Watermarks from before it end here, but for the one that ends time.
template <class T>
class TimestampsAndWatermarksOperator final : public Operator {
 public:
  explicit TimestampsAndWatermarksOperator(const WatermarkStrategy<T>& strategy) : strategy_(strategy) {}

  void Open(OperatorContext& context) override {
    context_ = &context;
    out_.emplace(TypeOf<T>(), context.output, context.output_bounds);
    if (strategy_.generator_factory()) generator_ = strategy_.generator_factory()();
    emits_ = generator_ != nullptr || strategy_.delay_ms().has_value();
    watermark_ms_ = context.watermark_ms;
    RequestTick();
  }
  void ProcessBatch(RecordBatch& batch) override {
    T* const rows = batch.Rows<T>();
    const uint32_t count = batch.size();
    const int64_t* const previous = batch.has_timestamps() ? batch.timestamps() : nullptr;
    timestamps_.resize(count);
    if (strategy_.assigner()) {
      strategy_.assigner()(rows, count, previous, timestamps_.data());
    } else if (previous != nullptr) {
      std::copy_n(previous, count, timestamps_.data());
    } else {
      throw std::runtime_error("a record has no timestamp, and the watermark strategy has no timestamp assigner: add WithTimestampAssigner");
    }
    Collector<T> collector(*out_);
    for (uint32_t i = 0; i < count; ++i) {
      latest_ms_ = std::max(latest_ms_, timestamps_[i]);
      out_->SetTimestamp(timestamps_[i]);
      if (generator_ == nullptr) {
        collector.Collect(std::move(rows[i]));
      } else {
        EmitAndTell(rows[i], timestamps_[i], collector);
      }
    }
    out_->Flush();
  }
  std::optional<int64_t> OnWatermark(int64_t watermark_ms) override {
    if (watermark_ms != INT64_MAX) return std::nullopt;
    EmitPeriodic();
    return watermark_ms;
  }
  void OnProcessingTime(int64_t) override {
    EmitPeriodic();
    RequestTick();
  }
  void Close() override { generator_.reset(); }

 private:
  void EmitAndTell(const T& row, int64_t timestamp_ms, Collector<T>& collector) {
    collector.Collect(row);
    generator_->OnEvent(row, timestamp_ms, said_);
    // A watermark stands behind the record that it follows.
    if (const std::optional<int64_t> watermark_ms = said_.Take(); watermark_ms.has_value()) Emit(*watermark_ms);
  }
  void EmitPeriodic() {
    if (generator_ != nullptr) {
      generator_->OnPeriodicEmit(said_);
      if (const std::optional<int64_t> watermark_ms = said_.Take(); watermark_ms.has_value()) Emit(*watermark_ms);
    } else if (strategy_.delay_ms().has_value() && latest_ms_ != INT64_MIN) {
      // latest - delay - 1, and never below what can be counted.
      const int64_t behind = *strategy_.delay_ms() + 1;
      if (latest_ms_ > INT64_MIN + behind) Emit(latest_ms_ - behind);
    }
  }
  void Emit(int64_t watermark_ms) {
    if (watermark_ms <= watermark_ms_) return;
    watermark_ms_ = watermark_ms;
    out_->Flush();
    context_->output.PushWatermark(watermark_ms);
  }
  void RequestTick() {
    if (emits_ && context_->auto_watermark_interval_ms > 0) {
      context_->request_processing_time(context_->processing_time_ms() + context_->auto_watermark_interval_ms);
    }
  }

  const WatermarkStrategy<T> strategy_;
  std::unique_ptr<WatermarkGenerator<T>> generator_;
  OperatorContext* context_ = nullptr;
  std::optional<OutputBuffer> out_;
  std::vector<int64_t> timestamps_;  // Scratch.
  WatermarkOutput said_;
  bool emits_ = false;
  int64_t latest_ms_ = INT64_MIN;
  int64_t watermark_ms_ = INT64_MIN;  // The last one that was emitted.
};

}  // namespace weir::internal
