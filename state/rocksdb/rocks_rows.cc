#include "state/rocksdb/rocks_rows.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstring>

#include "base/check.h"
#include "base/status_macros.h"
#include "state/rocksdb/rocks_cut.h"
#include "state/rocksdb/rocks_keys.h"

namespace weir {

RocksRows::RocksRows(std::shared_ptr<const RocksDatabase> database, KeyGroups key_groups)
    : database_(std::move(database)), key_groups_(key_groups), held_(key_groups.end - key_groups.start + 1), batch_(std::make_unique<rocksdb::WriteBatch>()) {}

RocksRows::~RocksRows() = default;

void RocksRows::Put(const ColdPlace& place, std::string_view value, bool changed) {
  held_[place.key_group - key_groups_.start] = true;
  SetRocksKey(key_, place.key_group, place.key);
  const uint32_t stamp = changed ? epoch_ : 0;
  char stamp_bytes[kStampBytes];
  std::memcpy(stamp_bytes, &stamp, sizeof(stamp));
  const rocksdb::Slice key(key_);
  const rocksdb::Slice parts[] = {{stamp_bytes, kStampBytes}, {value.data(), value.size()}};
  rocksdb::Status put = batch_->Put(database_->column(place.column), rocksdb::SliceParts(&key, 1), rocksdb::SliceParts(parts, 2));
  if (put.ok() && changed) {
    has_changes_ = true;
    SetChangeKey(key_, epoch_, place.key_group, place.key, place.column);
    put = batch_->Put(database_->changes(), key_, {value.data(), value.size()});
  }
  if (!put.ok() && failure_.ok()) failure_ = FromRocks(put, "collecting changes");
  WriteIfMuch();
}

void RocksRows::Erase(const ColdPlace& place) {
  if (!MayHold(place.key_group)) return;
  SetRocksKey(key_, place.key_group, place.key);
  const rocksdb::Status erased = batch_->Delete(database_->column(place.column), key_);
  if (!erased.ok() && failure_.ok()) failure_ = FromRocks(erased, "collecting changes");
  WriteIfMuch();
}

void RocksRows::WriteIfMuch() {
  if (batch_->GetDataSize() < database_->settings().options.write_batch_bytes) return;
  // Whoever asks next is told.
  if (const Status written = Write(); !written.ok() && failure_.ok()) failure_ = written;
}

Status RocksRows::Write() {
  if (!failure_.ok()) return failure_;
  if (batch_->Count() == 0) return Status::Ok();
  failure_ = database_->Write(*batch_);
  batch_->Clear();
  return failure_;
}

Status RocksRows::Read(std::span<const Key> keys, const std::function<Status(const Found&)>& found) {
  RETURN_IF_ERROR(Write());
  if (keys.empty()) return Status::Ok();
  read_keys_.resize(std::max(read_keys_.size(), keys.size()));
  for (size_t i = 0; i < keys.size(); ++i) SetRocksKey(read_keys_[i], keys[i].key_group, keys[i].bytes);
  for (uint32_t column = 0; column < database_->column_count(); ++column) RETURN_IF_ERROR(ReadColumn(column, keys, found));
  return Write();
}

Status RocksRows::ReadColumn(uint32_t column, std::span<const Key> keys, const std::function<Status(const Found&)>& found) {
  const std::vector<rocksdb::Slice> slices(read_keys_.begin(), read_keys_.begin() + static_cast<ptrdiff_t>(keys.size()));
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  database_->db().MultiGet({}, database_->column(column), keys.size(), slices.data(), values.data(), statuses.data(), /*sorted_input=*/true);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return failure_ = FromRocks(statuses[i], "reading");
    const std::string_view value(values[i].data(), values[i].size());
    if (value.size() < kStampBytes) return failure_ = Corruption("RocksDB holds what was never put there");
    uint32_t stamp;
    std::memcpy(&stamp, value.data(), sizeof(stamp));
    const bool changed = stamp == epoch_;
    if (changed) {
      SetChangeKey(key_, epoch_, keys[i].key_group, keys[i].bytes, column);
      if (const rocksdb::Status taken = batch_->Delete(database_->changes(), key_); !taken.ok()) return failure_ = FromRocks(taken, "collecting changes");
    }
    RETURN_IF_ERROR(found({i, column, changed, value.substr(kStampBytes)}));
  }
  return Status::Ok();
}

StatusOr<std::shared_ptr<const ColdCut>> RocksRows::Cut() {
  RETURN_IF_ERROR(Write());
  CHECK(epoch_ != UINT32_MAX - 1);
  return std::shared_ptr<const ColdCut>(std::make_shared<RocksCut>(database_, epoch_++, std::exchange(has_changes_, false)));
}

StatusOr<std::shared_ptr<const ColdCut>> RocksRows::View() {
  RETURN_IF_ERROR(Write());
  return std::shared_ptr<const ColdCut>(std::make_shared<RocksCut>(database_, epoch_, /*has_changes=*/false));
}

}  // namespace weir
