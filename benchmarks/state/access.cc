#include "benchmarks/state/access.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include <weir/weir.h>

#include "benchmarks/loops/count_table.h"
#include "benchmarks/workload/clock.h"
#include "benchmarks/workload/digest.h"

namespace weir::bench {
namespace {

constexpr uint32_t kBatchRows = 2'048;
constexpr uint32_t kGroups = 128;
constexpr uint64_t kMapKeys = 16;  // Of each key.

struct Access {
  uint64_t key;
  uint64_t number;
};

// ---- The functions, as a user would write them ----

class CountValue final : public KeyedProcessFunction<uint64_t, Access, uint64_t> {
 public:
  void ProcessElement(const Access&, Context&, Collector<uint64_t>&) override { count_.Update(count_.Value().value_or(0) + 1); }
  void Finish(Context&, Collector<uint64_t>& out) override { out.Collect(*count_.Value()); }

 private:
  ValueState<uint64_t> count_{"count"};
};

class AddToList final : public KeyedProcessFunction<uint64_t, Access, uint64_t> {
 public:
  void ProcessElement(const Access& access, Context&, Collector<uint64_t>&) override { list_.Add(access.number); }
  void Finish(Context&, Collector<uint64_t>& out) override {
    uint64_t sum = 0;
    for (const uint64_t number : list_.Get()) sum += number;
    out.Collect(sum);
  }

 private:
  ListState<uint64_t> list_{"list"};
};

class PutIntoMap final : public KeyedProcessFunction<uint64_t, Access, uint64_t> {
 public:
  void ProcessElement(const Access& access, Context&, Collector<uint64_t>&) override { map_.Put(access.number % kMapKeys, access.number); }
  void Finish(Context&, Collector<uint64_t>& out) override {
    uint64_t sum = 0;
    for (const uint64_t number : map_.Values()) sum += number;
    out.Collect(sum);
  }

 private:
  MapState<uint64_t, uint64_t> map_{"map"};
};

// Fills while `number` is below the number of entries, reads then.
class GetFromMap final : public KeyedProcessFunction<uint64_t, Access, uint64_t> {
 public:
  void ProcessElement(const Access& access, Context&, Collector<uint64_t>&) override {
    if (access.number < kMapKeys) return map_.Put(access.number, access.number);
    const uint64_t* const value = map_.Peek(access.number % kMapKeys);
    sum_ += value != nullptr ? *value : 0;
  }
  void Finish(Context&, Collector<uint64_t>& out) override { out.Collect(std::exchange(sum_, 0)); }

 private:
  MapState<uint64_t, uint64_t> map_{"map"};
  uint64_t sum_ = 0;
};

// ---- The same on bare structures ----

// Where each key's own structure is: a table of indexes with prefetch.
template <class Cell>
class CellsByKey {
 public:
  explicit CellsByKey(uint64_t keys) : index_(keys) { cells_.reserve(keys); }
  template <class Body>
  void ForEach(const Access* rows, size_t count, Body body) {
    index_.ForEach(
        rows, count, [](const Access& row) { return row.key; },
        [&](const Access& row, uint64_t& index) {
          if (index == 0) {
            cells_.emplace_back();
            index = cells_.size();
          }
          body(row, cells_[index - 1]);
        });
  }
  std::vector<Cell>& cells() { return cells_; }

 private:
  CountTable index_;  // Position in cells_, from 1.
  std::vector<Cell> cells_;
};

class BareCounts {
 public:
  explicit BareCounts(uint64_t keys) : table_(keys) {}
  void Process(const Access* rows, size_t count) {
    table_.ForEach(
        rows, count, [](const Access& row) { return row.key; },
        [this](const Access&, uint64_t& value) {
          ++value;
          ++sum_;
        });
  }
  uint64_t Sum() { return sum_; }

 private:
  CountTable table_;
  uint64_t sum_ = 0;
};

class BareLists {
 public:
  explicit BareLists(uint64_t keys) : lists_(keys) {}
  void Process(const Access* rows, size_t count) {
    lists_.ForEach(rows, count, [](const Access& row, std::vector<uint64_t>& list) { list.push_back(row.number); });
  }
  uint64_t Sum() {
    uint64_t sum = 0;
    for (const auto& list : lists_.cells()) {
      for (const uint64_t number : list) sum += number;
    }
    return sum;
  }

 private:
  CellsByKey<std::vector<uint64_t>> lists_;
};

template <bool kReads>
class BareMaps {
 public:
  explicit BareMaps(uint64_t keys) : maps_(keys) {}
  void Process(const Access* rows, size_t count) {
    maps_.ForEach(rows, count, [this](const Access& row, std::unordered_map<uint64_t, uint64_t>& map) {
      if (kReads && row.number >= kMapKeys) {
        const auto found = map.find(row.number % kMapKeys);
        read_ += found != map.end() ? found->second : 0;
      } else {
        map[row.number % kMapKeys] = row.number;
      }
    });
  }
  uint64_t Sum() {
    if (kReads) return read_;
    uint64_t sum = 0;
    for (const auto& map : maps_.cells()) {
      for (const auto& [key, number] : map) sum += number;
    }
    return sum;
  }

 private:
  CellsByKey<std::unordered_map<uint64_t, uint64_t>> maps_;
  uint64_t read_ = 0;
};

// ---- Both, alternately ----

class NoRuntime final : public RuntimeContext {
 public:
  const std::string& JobName() const override { return name_; }
  const std::string& OperatorName() const override { return name_; }
  uint32_t SubtaskIndex() const override { return 0; }
  uint32_t Parallelism() const override { return 1; }
  uint32_t MaxParallelism() const override { return kGroups; }
  uint32_t AttemptNumber() const override { return 0; }
  MetricGroup& Metrics() override { throw std::logic_error("no metrics here"); }
  weir::Logger& Logger() override { throw std::logic_error("no log here"); }

 private:
  std::string name_ = "bench";
};

struct SumSink final : BatchSink {
  void Push(RecordBatch batch) override {
    for (uint32_t i = 0; i < batch.size(); ++i) sum += batch.Rows<uint64_t>()[i];
  }
  uint64_t sum = 0;
};

template <class F>
class KeyedLoop {
 public:
  KeyedLoop() : context_(runtime_, sink_) {
    const auto selector = [](const Access& access) { return access.key; };
    operator_ = internal::MakeKeyed<internal::KeyedProcessOperator<uint64_t, Access, uint64_t, F, decltype(selector)>>(F(), selector);
    context_.output_bounds.rows_max = kBatchRows;
    store_.TrackChanges();
    operator_->DeclareKeyedState(store_);
    operator_->Open(context_);
  }
  void Process(RecordBatch& batch) { operator_->ProcessBatch(batch); }
  uint64_t Sum() {
    operator_->Finish();
    return sink_.sum;
  }

 private:
  NoRuntime runtime_;
  SumSink sink_;
  KeyedStateStore store_{0, kGroups - 1, kGroups};
  OperatorContext context_;
  std::unique_ptr<Operator> operator_;
};

// Batches of the fill and, behind it, of random accesses; the same for both sides.
class Batches {
 public:
  explicit Batches(const AccessOptions& options) : options_(options), fills_(options.kind == "map-get" ? kMapKeys : 1) {
    batch_ = RecordBatch(TypeOf<Access>(), {.capacity_rows = kBatchRows, .has_hashes = true});
  }
  uint64_t fill_rows() const { return options_.keys * fills_; }
  uint64_t rows() const { return fill_rows() + options_.accesses; }
  RecordBatch& Make(uint64_t from) {
    const uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(kBatchRows, (from < fill_rows() ? fill_rows() : rows()) - from));
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t at = from + i;
      const bool filling = at < fill_rows();
      Access& access = batch_.Rows<Access>()[i];
      access.key = filling ? at % options_.keys : Mix64(at * 2 + options_.seed) % options_.keys;
      access.number = filling ? at / options_.keys : kMapKeys + Mix64(at) % 1'000'000;
      batch_.hashes()[i] = HashKey<uint64_t>(access.key);
    }
    batch_.SetSize(count);
    return batch_;
  }

 private:
  const AccessOptions& options_;
  const uint64_t fills_;
  RecordBatch batch_;
};

// ns per access behind the fill.
template <class Process>
double Time(const AccessOptions& options, Process process) {
  Batches batches(options);
  int64_t spent_ns = 0;
  for (uint64_t at = 0; at < batches.rows();) {
    RecordBatch& batch = batches.Make(at);
    const bool counts = at >= batches.fill_rows();
    at += batch.size();
    const int64_t begin_ns = MonotonicNanos();
    process(batch);
    if (counts) spent_ns += MonotonicNanos() - begin_ns;
  }
  return static_cast<double>(spent_ns) / static_cast<double>(options.accesses);
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class F, class Bare>
AccessResult MeasureBoth(const AccessOptions& options) {
  std::vector<double> ns;
  std::vector<double> bare_ns;
  AccessResult result;
  result.right = true;
  for (uint32_t round = 0; round < options.rounds; ++round) {
    KeyedLoop<F> keyed;
    ns.push_back(Time(options, [&](RecordBatch& batch) { keyed.Process(batch); }));
    Bare bare(options.keys);
    bare_ns.push_back(Time(options, [&](RecordBatch& batch) { bare.Process(batch.Rows<Access>(), batch.size()); }));
    result.right = result.right && keyed.Sum() == bare.Sum();
  }
  result.ns = MedianOf(std::move(ns));
  result.bare_ns = MedianOf(std::move(bare_ns));
  return result;
}

}  // namespace

AccessResult MeasureAccess(const AccessOptions& options) {
  if (options.kind == "value") return MeasureBoth<CountValue, BareCounts>(options);
  if (options.kind == "list") return MeasureBoth<AddToList, BareLists>(options);
  if (options.kind == "map-put") return MeasureBoth<PutIntoMap, BareMaps<false>>(options);
  if (options.kind == "map-get") return MeasureBoth<GetFromMap, BareMaps<true>>(options);
  throw std::invalid_argument("no such access: " + options.kind);
}

}  // namespace weir::bench
