// The rows of a keyed batch one by one, each with its key current.
#pragma once

#include <algorithm>
#include <vector>

#include <weir/core/record_batch.h>
#include <weir/operators/invoke.h>
#include <weir/state/keyed_state_store.h>
#include <weir/state/state_handle.h>

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
  if (store.has_cold()) [[unlikely]] {
    for (uint32_t i = 0; i < count; ++i) store.Want(SelectKey(selector, rows[i]), hashes[i]);
    store.FetchWanted();
  }
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

}  // namespace weir::internal
