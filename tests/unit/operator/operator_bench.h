// One operator by itself: the test feeds batches, watermarks and the clock, and reads what comes out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/state/keyed_state_store.h>

namespace weir::testing {

class NoRuntime final : public RuntimeContext {
 public:
  const std::string& JobName() const override { return name_; }
  const std::string& OperatorName() const override { return name_; }
  uint32_t SubtaskIndex() const override { return 0; }
  uint32_t Parallelism() const override { return 1; }
  uint32_t MaxParallelism() const override { return 1; }
  uint32_t AttemptNumber() const override { return 0; }
  MetricGroup& Metrics() override { throw std::logic_error("no metrics"); }
  weir::Logger& Logger() override { throw std::logic_error("no log"); }

 private:
  std::string name_ = "test";
};

template <class T>
struct Emitted {
  T value;
  std::optional<int64_t> timestamp;
  bool operator==(const Emitted&) const = default;
};

template <class T>
struct EmittedRows final : BatchSink {
  void Push(RecordBatch batch) override {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      rows.push_back({batch.Rows<T>()[i], batch.has_timestamps() ? std::optional<int64_t>(batch.timestamps()[i]) : std::nullopt});
    }
  }
  void PushWatermark(int64_t watermark_ms) override { watermarks.push_back(watermark_ms); }
  std::vector<T> Values() const {
    std::vector<T> values;
    for (const Emitted<T>& row : rows) values.push_back(row.value);
    return values;
  }
  std::vector<Emitted<T>> rows;
  std::vector<int64_t> watermarks;
};

// Operator states by name, as a snapshot writes them.
struct SavedStates final : OperatorStateSink {
  void Declare(std::string_view name, Mode mode, std::string_view schema) override {
    states.push_back({std::string(name), mode, std::string(schema), {}});
  }
  void Add(std::string_view name, std::string_view item) override {
    for (RestoredOperatorState& state : states) {
      if (state.name == name) return state.items.emplace_back(item), void();
    }
    throw std::logic_error("not declared: " + std::string(name));
  }
  std::vector<RestoredOperatorState> states;
};

// O: the type of the main output. Wall clock: `now_ms`.
template <class O>
class OperatorBench {
 public:
  explicit OperatorBench(std::unique_ptr<Operator> op) : op_(std::move(op)), context_(runtime_, out) {
    context_.output_bounds.rows_max = 8;
    context_.keyed_state = &store;
    context_.side_output = [this](const std::string& id, const TypeInfo&) {
      const auto found = side_outputs.find(id);
      return found != side_outputs.end() ? found->second : nullptr;
    };
    context_.processing_time_ms = [this] { return now_ms; };
    context_.request_processing_time = [this](int64_t time_ms) { requested_ms = std::min(requested_ms, time_ms); };
    context_.restored_operator_state = [this] { return restored; };
    op_->DeclareKeyedState(store);
  }
  OperatorContext& context() { return context_; }
  Operator& op() { return *op_; }
  void Open() { op_->Open(context_); }
  // Rows with timestamps, unless these are empty; on the first input or the second.
  template <class T, class Hash>
  void Feed(const std::vector<T>& rows, const std::vector<int64_t>& timestamps, Hash hash, bool second = false) {
    const uint32_t count = static_cast<uint32_t>(rows.size());
    RecordBatch batch(TypeOf<T>(), {.capacity_rows = count, .has_hashes = true, .has_timestamps = !timestamps.empty()});
    for (uint32_t i = 0; i < count; ++i) {
      std::construct_at(batch.Rows<T>() + i, rows[i]);
      batch.hashes()[i] = hash(rows[i]);
      if (!timestamps.empty()) batch.timestamps()[i] = timestamps[i];
    }
    batch.SetSize(count);
    second ? op_->ProcessSecondBatch(batch) : op_->ProcessBatch(batch);
  }
  void AdvanceTo(int64_t time_ms) {
    now_ms = time_ms;
    while (requested_ms <= now_ms) {
      requested_ms = INT64_MAX;
      op_->OnProcessingTime(now_ms);
    }
  }

  EmittedRows<O> out;
  std::map<std::string, BatchSink*> side_outputs;
  std::vector<RestoredOperatorState> restored;
  KeyedStateStore store{0, 15, 16};
  int64_t now_ms = 0;
  int64_t requested_ms = INT64_MAX;

 private:
  NoRuntime runtime_;
  std::unique_ptr<Operator> op_;
  OperatorContext context_;
};

}  // namespace weir::testing
