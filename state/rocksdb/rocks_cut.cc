#include "state/rocksdb/rocks_cut.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>

#include "base/log.h"
#include "state/rocksdb/rocks_keys.h"

namespace weir {
namespace {

constexpr size_t kReadAheadBytes = 1024 * 1024;

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// All columns at once: the smallest key comes next.
class ValueCursor final : public ColdCursor {
 public:
  ValueCursor(const RocksDatabase& database, const rocksdb::Snapshot* snapshot) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.fill_cache = false;
    options.readahead_size = kReadAheadBytes;
    for (uint32_t column = 0; column < database.column_count(); ++column) {
      iterators_.emplace_back(database.db().NewIterator(options, database.column(column)))->SeekToFirst();
    }
  }

  bool Next() override {
    if (!status_.ok()) return false;
    if (current_ != kNone) iterators_[current_]->Next();
    current_ = kNone;
    for (size_t column = 0; column < iterators_.size(); ++column) {
      const rocksdb::Iterator& candidate = *iterators_[column];
      if (!candidate.Valid()) {
        status_ = FromRocks(candidate.status(), "reading all values");
        if (!status_.ok()) return false;
        continue;
      }
      if (current_ == kNone || candidate.key().compare(iterators_[current_]->key()) < 0) current_ = column;
    }
    if (current_ == kNone) return false;
    const std::string_view key = View(iterators_[current_]->key());
    const std::string_view value = View(iterators_[current_]->value());
    if (key.size() < kKeyGroupBytes || value.size() < kStampBytes) return status_ = Corruption("RocksDB holds what was never put there"), false;
    place_ = {BigEndian16(key), static_cast<uint32_t>(current_), key.substr(kKeyGroupBytes)};
    value_ = value.substr(kStampBytes);
    return true;
  }
  const ColdPlace& place() const override { return place_; }
  std::string_view value() const override { return value_; }
  const Status& status() const override { return status_; }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  std::vector<std::unique_ptr<rocksdb::Iterator>> iterators_;  // By column.
  size_t current_ = kNone;
  ColdPlace place_;
  std::string_view value_;
  Status status_;
};

class ChangeCursor final : public ColdCursor {
 public:
  ChangeCursor(const RocksDatabase& database, const rocksdb::Snapshot* snapshot, uint32_t epoch) {
    SetEpoch(begin_, epoch);
    SetEpoch(end_, epoch + 1);
    end_slice_ = end_;
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.fill_cache = false;
    options.readahead_size = kReadAheadBytes;
    options.iterate_upper_bound = &end_slice_;
    iterator_.reset(database.db().NewIterator(options, database.changes()));
  }

  bool Next() override {
    if (!status_.ok()) return false;
    if (begun_) {
      iterator_->Next();
    } else {
      iterator_->Seek(begin_);
      begun_ = true;
    }
    if (!iterator_->Valid()) {
      status_ = FromRocks(iterator_->status(), "reading changes");
      return false;
    }
    const std::string_view key = View(iterator_->key());
    if (key.size() < kEpochBytes + kKeyGroupBytes + kChangeColumnBytes) return status_ = Corruption("RocksDB holds what was never put there"), false;
    const std::string_view rest = key.substr(kEpochBytes);
    const size_t key_size = rest.size() - kKeyGroupBytes - kChangeColumnBytes;
    place_ = {BigEndian16(rest), BigEndian16(rest.substr(kKeyGroupBytes + key_size)), rest.substr(kKeyGroupBytes, key_size)};
    return true;
  }
  const ColdPlace& place() const override { return place_; }
  std::string_view value() const override { return View(iterator_->value()); }
  const Status& status() const override { return status_; }

 private:
  std::string begin_;
  std::string end_;
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool begun_ = false;
  ColdPlace place_;
  Status status_;
};

class NoCursor final : public ColdCursor {
 public:
  bool Next() override { return false; }
  const ColdPlace& place() const override { return place_; }
  std::string_view value() const override { return {}; }
  const Status& status() const override { return status_; }

 private:
  const ColdPlace place_;
  const Status status_;
};

}  // namespace

RocksCut::RocksCut(std::shared_ptr<const RocksDatabase> database, uint32_t epoch, bool has_changes)
    : database_(std::move(database)), epoch_(epoch), has_changes_(has_changes), snapshot_(database_->db().GetSnapshot()) {}

RocksCut::~RocksCut() {
  rocksdb::DB& db = database_->db();
  db.ReleaseSnapshot(snapshot_);
  if (!has_changes_) return;
  std::string begin;
  std::string end;
  SetEpoch(begin, epoch_);
  SetEpoch(end, epoch_ + 1);
  const rocksdb::Slice first(begin);
  const rocksdb::Slice last(end);
  // Whole files at once; the rest as one range.
  rocksdb::Status dropped = rocksdb::DeleteFilesInRange(&db, database_->changes(), &first, &last, /*include_end=*/false);
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  if (dropped.ok()) dropped = db.DeleteRange(options, database_->changes(), first, last);
  if (!dropped.ok()) LOG_WARN("Changes that were written take space on, error={}", dropped.ToString());
}

std::unique_ptr<ColdCursor> RocksCut::Values() const { return std::make_unique<ValueCursor>(*database_, snapshot_); }

std::unique_ptr<ColdCursor> RocksCut::Changes() const {
  if (!has_changes_) return std::make_unique<NoCursor>();
  return std::make_unique<ChangeCursor>(*database_, snapshot_, epoch_);
}

}  // namespace weir
