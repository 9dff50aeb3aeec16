// Keyed operators: a function with state of the current key.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <weir/engine/operator.h>
#include <weir/operators/invoke.h>
#include <weir/state/keyed_state_store.h>
#include <weir/state/value_state.h>

namespace weir::internal {

template <class K>
void DeclareColumns(KeyedStateStore& store, const std::vector<StateHandle*>& handles) {
  std::vector<StateColumn> columns;
  for (const StateHandle* handle : handles) columns.push_back(handle->declaration());
  store.SetLayout(KeyOpsOf<K>(), std::move(columns));
  for (uint32_t i = 0; i < handles.size(); ++i) handles[i]->Bind(store, i);
}

// Runs body(row, key, index) for each row with the row's key current. Its state is fetched ahead, a group of rows at a
// time: while one group runs, the rows of the next and the tags of that behind it are on their way.
template <class T, class Selector, class Body>
void ForEachKeyedRow(RecordBatch& batch, KeyedStateStore& store, Selector& selector, Body&& body) {
  constexpr uint32_t kGroup = 16;
  constexpr uint32_t kRing = 4 * kGroup;
  const T* const rows = batch.Rows<T>();
  const uint64_t* const hashes = batch.hashes();
  const uint32_t count = batch.size();
  KeyHint hints[kRing];  // Of row i at i modulo its size.
  const KeyGroupTables groups = store.groups();
  const uint32_t row_bytes = store.layout().size_bytes;
  const auto fetch_tags = [&](uint32_t from) {
    const uint32_t end = std::min(count, from + kGroup);
    for (uint32_t i = from; i < end; ++i) KeyedStateStore::PrefetchTags(groups, hashes[i], hints[i % kRing]);
  };
  const auto fetch_rows = [&](uint32_t from) {
    const uint32_t end = std::min(count, from + kGroup);
    for (uint32_t i = from; i < end; ++i) KeyedStateStore::PrefetchRow(row_bytes, hashes[i], hints[i % kRing]);
  };
  // Also when `body` throws: no state may be used behind the last row.
  const struct ForgetKeyAtEnd {
    KeyedStateStore& store;
    const uint32_t count;
    ~ForgetKeyAtEnd() { store.EndBatch(count); }
  } at_end{store, count};
  fetch_tags(0);
  fetch_tags(kGroup);
  fetch_rows(0);
  for (uint32_t group = 0; group < count; group += kGroup) {
    fetch_tags(group + 2 * kGroup);
    fetch_rows(group + kGroup);
    const uint64_t moves = store.moves();
    const uint32_t end = std::min(count, group + kGroup);
    for (uint32_t i = group; i < end; ++i) {
      decltype(auto) key = SelectKey(selector, rows[i]);
      if (store.moves() == moves) [[likely]] {
        store.SetCurrentKey(key, hashes[i], hints[i % kRing]);
      } else {
        store.SetCurrentKey(key, hashes[i]);
      }
      body(rows[i], key, i);
    }
    if (store.moves() == moves) [[likely]] continue;
    fetch_tags(group + kGroup);
    fetch_tags(group + 2 * kGroup);
    fetch_rows(group + kGroup);
  }
}

template <class K, class I, class O, class F, class Selector>
class KeyedProcessOperator final : public Operator {
 public:
  static std::unique_ptr<Operator> Make(const F& function, const Selector& selector) {
    StateHandleScope scope;
    auto made = std::make_unique<KeyedProcessOperator>(function, selector);
    made->handles_ = scope.In(&made->function_, sizeof(F));
    return made;
  }
  KeyedProcessOperator(const F& function, const Selector& selector) : function_(function), selector_(selector) {}

  void DeclareKeyedState(KeyedStateStore& store) override {
    store_ = &store;
    DeclareColumns<K>(store, handles_);
  }
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<O>(), context.output, context.output_bounds);
    OpenFunction(function_, context.runtime);
  }
  void ProcessBatch(RecordBatch& batch) override {
    Collector<O> collector(*out_);
    typename F::Context context;
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) out_->ClearTimestamp();
    ForEachKeyedRow<I>(batch, *store_, selector_, [&](const I& row, const K& key, uint32_t i) {
      if (timestamps != nullptr) out_->SetTimestamp(timestamps[i]);
      context.Set(key, timestamps != nullptr ? std::optional<int64_t>(timestamps[i]) : std::nullopt);
      function_.F::ProcessElement(row, context, collector);
    });
    out_->Flush();
  }
  void Finish() override {
    Collector<O> collector(*out_);
    typename F::Context context;
    out_->ClearTimestamp();
    store_->ForEachKey([&](const void* key) {
      const K current = *static_cast<const K*>(key);  // Clearing its state destroys the key in the table.
      store_->KeepKey(current);
      context.Set(current, std::nullopt);
      function_.F::Finish(context, collector);
    });
    out_->Flush();
  }
  void Close() override { CloseFunction(function_); }

 private:
  F function_;
  Selector selector_;
  std::vector<StateHandle*> handles_;  // Inside function_.
  KeyedStateStore* store_ = nullptr;
  std::optional<OutputBuffer> out_;
};

// Keyed Reduce and the aggregations built on it: emits the new running value for every record.
template <class K, class T, class F, class Selector>
class ReduceOperator final : public Operator {
 public:
  static constexpr const char* kStateName = "_op_state";

  ReduceOperator(const F& function, const Selector& selector) : function_(function), selector_(selector) {}
  void DeclareKeyedState(KeyedStateStore& store) override {
    store_ = &store;
    DeclareColumns<K>(store, {&value_});
  }
  void Open(OperatorContext& context) override {
    out_.emplace(TypeOf<T>(), context.output, context.output_bounds);
    OpenFunction(function_, context.runtime);
  }
  void ProcessBatch(RecordBatch& batch) override {
    Collector<T> collector(*out_);
    const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
    if (timestamps == nullptr) out_->ClearTimestamp();
    ForEachKeyedRow<T>(batch, *store_, selector_, [&](const T& row, const K&, uint32_t i) {
      if (timestamps != nullptr) out_->SetTimestamp(timestamps[i]);
      const T* const old = value_.Peek();
      T updated = old == nullptr ? row : CallReduce(function_, *old, row);
      value_.Update(updated);
      collector.Collect(std::move(updated));
    });
    out_->Flush();
  }
  void Close() override { CloseFunction(function_); }

 private:
  F function_;
  Selector selector_;
  ValueState<T> value_{kStateName};
  KeyedStateStore* store_ = nullptr;
  std::optional<OutputBuffer> out_;
};

}  // namespace weir::internal
