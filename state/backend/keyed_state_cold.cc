// The part of KeyedStateStore whose rows in memory are a cache of others.
#include <weir/state/keyed_state_store.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "state/backend/encoded.h"
#include "state/backend/restore_room.h"

namespace weir {
namespace {

// Rows come and go: their marks take slots, too, until a segment is made anew.
constexpr uint64_t kSlotsPerRowTimes2 = 5;
constexpr uint64_t kTagBytes = 3;
// What the allocator adds to a value of its own.
constexpr uint64_t kAllocationBytes = 16;
constexpr uint64_t kSampledRows = 64;
// Rows that are evicted beyond what is needed: so that not every batch has to.
constexpr uint64_t kEvictedAheadMax = 256;
// A dirty row costs a write more, and is likely to be used again: so many are passed by for each that goes.
constexpr uint64_t kDirtyPassedBy = 16;
constexpr size_t kKeysPerVisit = 256;

void Require(const Status& status) {
  if (!status.ok()) throw std::runtime_error("keyed state beyond memory: " + status.ToString());
}

}  // namespace

void KeyedStateStore::AttachCold(std::unique_ptr<ColdRows> cold, uint64_t cache_bytes_max) {
  CHECK(cold != nullptr && cold_ == nullptr);
  CHECK(!layout_.columns.empty() && !layout_.has_cells);
  CHECK(row_count_ == 0);
  cold_ = std::move(cold);
  cache_bytes_max_ = cache_bytes_max;
  layout_.cached = true;
  // What differs from cold rows is told by D.
  takes_deltas_ = std::exchange(marks_.tracking, true);
}

// ---- Bringing rows ----

void KeyedStateStore::WantCold(const void* key, uint64_t hash) {
  const uint32_t key_group = KeyGroup(hash);
  if (!cold_->MayHold(key_group)) return;
  const std::string_view bytes = Encoded(*layout_.key->type, key, key_bytes_);
  wanted_.push_back({key_group, static_cast<uint32_t>(wanted_bytes_.size()), static_cast<uint32_t>(bytes.size())});
  wanted_bytes_.append(bytes);
}

void KeyedStateStore::FetchWanted() {
  Require(cold_failure_);
  fetched_ = true;
  if (wanted_.empty()) return;
  std::vector<ColdRows::Key> keys;
  keys.reserve(wanted_.size());
  for (const WantedKey& wanted : wanted_) keys.push_back({wanted.key_group, std::string_view(wanted_bytes_).substr(wanted.begin, wanted.size_bytes)});
  const auto less = [](const ColdRows::Key& a, const ColdRows::Key& b) { return a.key_group != b.key_group ? a.key_group < b.key_group : a.bytes < b.bytes; };
  const auto same = [](const ColdRows::Key& a, const ColdRows::Key& b) { return a.key_group == b.key_group && a.bytes == b.bytes; };
  std::sort(keys.begin(), keys.end(), less);
  keys.erase(std::unique(keys.begin(), keys.end(), same), keys.end());
  cold_counts_.wanted += keys.size();
  Require(cold_->Read(keys, [&](const ColdRows::Found& found) { return PlaceFound(keys[found.index].bytes, found); }));
  ForgetKey();
}

// The value of a row that was not in memory when it was asked for; the key in the room becomes current.
Status KeyedStateStore::PlaceFound(std::string_view key, const ColdRows::Found& found) {
  RETURN_IF_ERROR(SelectDecoded(found.column, key));
  const bool is_new = !HasRow();
  if (Status status = PlaceValue(found.column, found.value); !status.ok()) return status;
  uint16_t& tag = segment_->tags[slot_];
  if (is_new) tag &= static_cast<uint16_t>(~KeySegment::kSnapshotBits);
  if (found.changed) tag |= marks_.dirty;
  segment_->cache_bits[slot_] |= kTouched;
  return Status::Ok();
}

void KeyedStateStore::LoadCurrent() {
  const uint32_t key_group = KeyGroup(hash_);
  if (fetched_ || !cold_->MayHold(key_group)) return;
  Require(cold_failure_);
  const void* const key = key_;
  const uint64_t hash = hash_;
  MakeRoom();
  const std::string bytes(Encoded(*layout_.key->type, key, key_bytes_));
  const ColdRows::Key wanted{key_group, bytes};
  ++cold_counts_.wanted;
  const Status read = cold_->Read({&wanted, 1}, [&](const ColdRows::Found& found) { return PlaceFound(bytes, found); });
  key_ = key;
  hash_ = hash;
  segment_ = &Table(hash).Segment(hash);
  Select(segment_->Find(hash, layout_.size_bytes, [this, key](const std::byte* row) { return layout_.key->equal(row, key); }));
  Require(read);
}

void KeyedStateStore::EraseCold(uint32_t column) { cold_->Erase({KeyGroup(hash_), column, Encoded(*layout_.key->type, row_, key_bytes_)}); }

// ---- Eviction ----

void KeyedStateStore::EndColdBatch() {
  fetched_ = false;
  wanted_.clear();
  wanted_bytes_.clear();
  MakeRoom();
}

uint64_t KeyedStateStore::OwnedBytes(const std::byte* row) {
  uint64_t bytes = 0;
  if (!layout_.key->type->image) bytes += Encoded(*layout_.key->type, row, key_bytes_).size() + kAllocationBytes;
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const StateColumn& state = layout_.columns[column];
    if (state.type->image || !layout_.Present(row, column)) continue;
    bytes += Encoded(*state.type, row + state.offset, value_bytes_).size() + kAllocationBytes;
  }
  return bytes;
}

void KeyedStateStore::SampleOwnedBytes() {
  uint64_t sum = 0;
  uint64_t rows = 0;
  EvictionPosition at = eviction_;
  // From where the eviction stands: what it meets next.
  for (uint32_t segments = 0; rows < kSampledRows && segments < kSampledRows + tables_.size(); ++segments) {
    const KeySegment& segment = tables_[at.group_index].Segment(at.prefix);
    for (uint32_t slot = 0; slot < segment.slot_end && rows < kSampledRows; ++slot) {
      if (!segment.occupied(slot)) continue;
      sum += OwnedBytes(segment.row(slot, layout_.size_bytes));
      ++rows;
    }
    const KeySegment* const next = tables_[at.group_index].Next(segment);
    if (next == nullptr) at.group_index = (at.group_index + 1) % static_cast<uint32_t>(tables_.size());
    at.prefix = next != nullptr ? next->first_prefix : 0;
  }
  owned_bytes_mean_ = rows != 0 ? sum / rows : 0;
  sampled_rows_ = row_count_;
}

void KeyedStateStore::MakeRoom() {
  if (row_count_ > sampled_rows_ + sampled_rows_ / 8 + kSampledRows) SampleOwnedBytes();
  const uint64_t row_bytes = (layout_.size_bytes + kTagBytes) * kSlotsPerRowTimes2 / 2 + owned_bytes_mean_;
  const uint64_t rows_max = std::max<uint64_t>(1, cache_bytes_max_ / row_bytes);
  if (row_count_ <= rows_max || !cold_failure_.ok()) return;
  const uint64_t rows_left = rows_max - std::min(rows_max / 16, kEvictedAheadMax);
  const uint64_t dirty_passed_by_max = (row_count_ - rows_left) * kDirtyPassedBy;
  uint64_t dirty_passed_by = 0;
  while (row_count_ > rows_left) {
    if (!EvictNext(dirty_passed_by, dirty_passed_by_max)) continue;
    ++cold_counts_.evicted;
  }
  cold_failure_ = cold_->Write();
}

// Looks at one slot: a row that was not wanted since the last time goes.
bool KeyedStateStore::EvictNext(uint64_t& dirty_passed_by, uint64_t dirty_passed_by_max) {
  EvictionPosition& at = eviction_;
  KeySegment& segment = tables_[at.group_index].Segment(at.prefix);
  if (at.slot >= segment.slot_end) {
    const KeySegment* const next = tables_[at.group_index].Next(segment);
    if (next == nullptr) at.group_index = (at.group_index + 1) % static_cast<uint32_t>(tables_.size());
    at.prefix = next != nullptr ? next->first_prefix : 0;
    at.slot = 0;
    return false;
  }
  const uint32_t slot = at.slot++;
  if (!segment.occupied(slot)) return false;
  if ((segment.cache_bits[slot] & kTouched) != 0) {
    segment.cache_bits[slot] &= static_cast<uint8_t>(~kTouched);
    return false;
  }
  if (!evicts_dirty_ && (segment.tags[slot] & marks_.dirty) != 0) {
    evicts_dirty_ = ++dirty_passed_by > dirty_passed_by_max;
    return false;
  }
  Evict(at.group_index, segment, slot);
  return true;
}

void KeyedStateStore::Evict(uint32_t group_index, KeySegment& segment, uint32_t slot) {
  if (snapshotting()) SaveCachedRow(group_index, segment, slot);
  std::byte* const row = segment.row(slot, layout_.size_bytes);
  if (Differs(segment, slot)) PutCold(group_index, row, reports_changes_ && (segment.tags[slot] & marks_.dirty) != 0);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const StateColumn& state = layout_.columns[column];
    if (layout_.Present(row, column)) state.type->destroy(row + state.offset, 1);
  }
  layout_.key->type->destroy(row, 1);
  KeyTable::Erase(segment, slot);
  --row_count_;
}

void KeyedStateStore::PutCold(uint32_t group_index, const std::byte* row, bool changed) {
  const std::string_view key = Encoded(*layout_.key->type, row, key_bytes_);
  for (uint32_t column = 0; column < layout_.columns.size(); ++column) {
    const StateColumn& state = layout_.columns[column];
    if (!layout_.Present(row, column)) continue;
    cold_->Put({groups_.start() + group_index, column, key}, Encoded(*state.type, row + state.offset, value_bytes_), changed);
  }
}

// ---- Snapshots ----

void KeyedStateStore::BeginColdWalk(SnapshotKind kind, StateTombstones cleared) {
  marks_.walking = SnapshotWalk::kDelta;
  walks_all_differing_ = kind == SnapshotKind::kFull;
  evicts_dirty_ = false;
  reports_changes_ = takes_deltas_;
  std::swap(marks_.dirty, marks_.walk);
  // Of a full snapshot: what was cleared is not in the cut.
  if (kind == SnapshotKind::kDelta) sink_->Cleared(std::move(cleared));
  if (cold_failure_.ok()) {
    sink_->Cold(cold_->Cut(), walks_all_differing_);
  } else {
    sink_->Cold(cold_failure_, walks_all_differing_);
  }
}

bool KeyedStateStore::WalkNeeds(uint32_t group_index, const KeySegment& segment, uint32_t slot) const {
  if ((segment.tags[slot] & marks_.walk) != 0) return true;
  return walks_all_differing_ && (segment.cache_bits[slot] & (kDiffers | kSaved)) == kDiffers && AheadOfCursor(group_index, segment, slot);
}

// Before the row changes, or goes, while a walk is running.
void KeyedStateStore::SaveCachedRow(uint32_t group_index, KeySegment& segment, uint32_t slot) {
  if (!WalkNeeds(group_index, segment, slot)) return;
  WriteRow(group_index, segment, slot);
  segment.tags[slot] &= static_cast<uint16_t>(~marks_.walk);
  segment.cache_bits[slot] |= static_cast<uint8_t>(kDiffers | (walks_all_differing_ ? kSaved : 0));
}

void KeyedStateStore::PassCachedRow() {
  if (WalkNeeds(cursor_group_, *cursor_segment_, cursor_slot_)) WriteRow(cursor_group_, *cursor_segment_, cursor_slot_);
  uint8_t& bits = cursor_segment_->cache_bits[cursor_slot_];
  if ((cursor_segment_->tags[cursor_slot_] & marks_.walk) != 0) bits |= kDiffers;
  bits &= static_cast<uint8_t>(~kSaved);
}

// ---- All keys ----

void KeyedStateStore::ForEachColdKey(const std::function<void(const void* key)>& visit) {
  ForgetKey();
  Require(cold_failure_);
  // Then every key is there, and a row that changes under the visit is met once all the same.
  for (uint32_t group_index = 0; group_index < tables_.size(); ++group_index) {
    for (KeySegment* segment = tables_[group_index].First(); segment != nullptr; segment = tables_[group_index].Next(*segment)) {
      for (uint32_t slot = 0; slot < segment->slot_end; ++slot) {
        if (segment->occupied(slot) && Differs(*segment, slot)) PutCold(group_index, segment->row(slot, layout_.size_bytes), /*changed=*/false);
      }
    }
  }
  StatusOr<std::shared_ptr<const ColdCut>> view = cold_->View();
  Require(view.status());
  const std::unique_ptr<ColdCursor> values = (*view)->Values();
  const auto is_last_wanted = [this](const ColdPlace& place) {
    if (wanted_.empty() || wanted_.back().key_group != place.key_group) return false;
    return std::string_view(wanted_bytes_).substr(wanted_.back().begin) == place.key;
  };
  while (values->Next()) {
    const ColdPlace& place = values->place();
    if (is_last_wanted(place)) continue;  // Another value of the same key.
    if (wanted_.size() == kKeysPerVisit) VisitWanted(visit);
    wanted_.push_back({place.key_group, static_cast<uint32_t>(wanted_bytes_.size()), static_cast<uint32_t>(place.key.size())});
    wanted_bytes_.append(place.key);
  }
  Require(values->status());
  VisitWanted(visit);
}

// Fetches the keys, whether in memory or not, and visits them.
void KeyedStateStore::VisitWanted(const std::function<void(const void* key)>& visit) {
  const std::vector<WantedKey> keys = wanted_;
  const std::string bytes = wanted_bytes_;
  const auto key_of = [&](const WantedKey& key) { return std::string_view(bytes).substr(key.begin, key.size_bytes); };
  // What is in memory may be newer than what could be read.
  std::erase_if(wanted_, [&](const WantedKey& key) {
    Require(SelectDecoded(0, key_of(key)));
    layout_.key->type->destroy(restore_room_->key(), 1);
    return HasRow();
  });
  FetchWanted();
  for (const WantedKey& key : keys) {
    Require(SelectDecoded(0, key_of(key)));
    layout_.key->type->destroy(restore_room_->key(), 1);
    if (!HasRow()) continue;
    key_ = row_;
    visit(key_);
  }
  ForgetKey();
  EndColdBatch();
}

}  // namespace weir
