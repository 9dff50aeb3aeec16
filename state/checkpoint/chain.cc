#include "state/checkpoint/chain.h"

#include <charconv>

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"

namespace weir {
namespace {

// The highest slot among listed names; a listing may be stale, so it is a hint only.
ChainSlot HighestListed(const std::vector<std::string>& names) {
  ChainSlot highest;
  for (const std::string& name : names) {
    ChainSlot slot;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), slot.value);
    if (error == std::errc() && end == name.data() + name.size()) highest = std::max(highest, slot);
  }
  return highest;
}

CheckpointEntry EntryOf(const CheckpointMetadata& metadata, const std::string& metadata_path, std::string_view content) {
  return {.id = metadata.id,
          .attempt = metadata.attempt,
          .metadata_path = metadata_path,
          .metadata_checksum = Checksum64(content)};
}

}  // namespace

Chain::Chain(FileSystem& file_system, CheckpointLayout layout, LeaderEpoch epoch, uint64_t slots_per_block)
    : file_system_(file_system), layout_(std::move(layout)), epoch_(epoch), slots_per_block_(slots_per_block) {
  CHECK(epoch.value > 0);
  CHECK(slots_per_block > 0);
}

StatusOr<bool> Chain::IsPruned(ChainSlot slot) { return file_system_.Exists(layout_.ChainPrunedPath(BlockOf(slot))); }

StatusOr<std::optional<std::string>> Chain::ReadSlot(ChainSlot slot) {
  StatusOr<std::string> bytes = file_system_.ReadFile(layout_.ChainRecordPath(slot));
  if (bytes.status().code() == StatusCode::kNotFound) return std::optional<std::string>();
  if (!bytes.ok()) return bytes.status();
  return std::optional<std::string>(std::move(*bytes));
}

// Takes the record that follows the head.
Status Chain::Adopt(const std::string& bytes) {
  const ChainSlot slot{head_.value + 1};
  StatusOr<ChainRecord> record = ChainRecord::Decode(bytes);
  if (!record.ok()) return record.status().WithContext(layout_.ChainRecordPath(slot));
  const bool parent_known = !records_.empty();
  if (record->slot != slot || (parent_known && record->parent_checksum != head_checksum_)) {
    return Corruption("chain record does not follow its parent, path=" + layout_.ChainRecordPath(slot));
  }
  if (parent_known && record->epoch < records_.back().epoch) {
    return Corruption("epochs decrease along the chain, path=" + layout_.ChainRecordPath(slot));
  }
  records_.push_back(std::move(*record));
  head_ = slot;
  head_checksum_ = Checksum64(bytes);
  return Status::Ok();
}

// Leaves head_ one before the first of the unbroken run of records that ends at `from`. What lies in a pruned block does
// not count: a late write may have put anything there.
Status Chain::LoadBackward(ChainSlot from) {
  head_ = from;
  while (head_.value > 0) {
    const bool enters_block = head_ == from || BlockOf(head_) != BlockOf(ChainSlot{head_.value + 1});
    if (enters_block) {
      ASSIGN_OR_RETURN(const bool pruned, IsPruned(head_));
      if (pruned) break;
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, ReadSlot(head_));
    if (!bytes.has_value()) break;
    --head_.value;
  }
  return Status::Ok();
}

Status Chain::Load() {
  records_.clear();
  head_checksum_ = 0;
  in_doubt_.reset();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_.List(layout_.ChainDirectory()));
  RETURN_IF_ERROR(LoadBackward(HighestListed(names)));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes, ReadSlot(ChainSlot{head_.value + 1}));
    if (!bytes.has_value()) break;
    RETURN_IF_ERROR(Adopt(*bytes));
  }
  ASSIGN_OR_RETURN(const bool pruned, IsPruned(ChainSlot{head_.value + 1}));
  return pruned ? Unavailable("chain is newer than its listing says") : Status::Ok();
}

ChainAppend Chain::TryTakeOver() {
  while (true) {
    if (newest_epoch() > epoch_) return ChainAppend::kFenced;
    if (Terminal().has_value()) return ChainAppend::kEnded;
    if (newest_epoch() == epoch_) return ChainAppend::kAppended;  // A try whose outcome was unknown.
    const ChainSlot before = head_;
    const ChainAppend outcome = TryAppendAtHead(TakeoverEntry{});
    if (outcome != ChainAppend::kFenced) return outcome;
    // Lost the slot. A record of an older leader is part of the history: the claim goes behind it.
    if (head_ == before || newest_epoch() >= epoch_) return ChainAppend::kFenced;
  }
}

ChainAppend Chain::TryAppend(const ChainEntry& entry) {
  CHECK(newest_epoch() == epoch_);
  CHECK(!Terminal().has_value());
  const ChainAppend outcome = TryAppendAtHead(entry);
  // Only a later owner prunes what we have not seen.
  return outcome == ChainAppend::kStale ? ChainAppend::kFenced : outcome;
}

// kFenced: another record took the slot; it was adopted as the new head.
ChainAppend Chain::TryAppendAtHead(const ChainEntry& entry) {
  const ChainSlot slot{head_.value + 1};
  const std::string bytes =
      ChainRecord{.slot = slot, .epoch = epoch_, .parent_checksum = head_checksum_, .entry = entry}.Encode();
  CHECK(!in_doubt_.has_value() || *in_doubt_ == bytes);  // R5: the same content until the outcome is known.
  in_doubt_ = bytes;
  ExclusiveWriteResult result = TryWriteExclusive(file_system_, layout_.ChainRecordPath(slot), bytes);
  switch (result.outcome) {
    case ExclusiveWrite::kCreated:
    case ExclusiveWrite::kExistsEqual: {
      // The slot may have been free because its record was pruned: then the chain goes on elsewhere. The marker is older
      // than the deletion, so looking after our own write is late enough.
      const StatusOr<bool> pruned = IsPruned(slot);
      if (!pruned.ok()) {
        last_error_ = pruned.status();
        return ChainAppend::kUnknown;
      }
      in_doubt_.reset();
      if (*pruned) return ChainAppend::kStale;
      last_error_ = Adopt(bytes);
      CHECK(last_error_.ok());
      return ChainAppend::kAppended;
    }
    case ExclusiveWrite::kExistsOther:
      in_doubt_.reset();  // Ours is not there, and never will be: the slot is taken.
      last_error_ = Adopt(result.existing);
      return last_error_.ok() ? ChainAppend::kFenced : ChainAppend::kCorrupt;
    case ExclusiveWrite::kUnknown:
      last_error_ = std::move(result.error);
      return ChainAppend::kUnknown;
  }
  return ChainAppend::kUnknown;
}

LeaderEpoch Chain::newest_epoch() const { return records_.empty() ? LeaderEpoch{} : records_.back().epoch; }

std::optional<CheckpointEntry> Chain::NewestCheckpoint() const {
  for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
    if (const auto* entry = std::get_if<CheckpointEntry>(&record->entry)) return *entry;
  }
  return std::nullopt;
}

std::optional<TerminalEntry> Chain::Terminal() const {
  if (records_.empty()) return std::nullopt;
  const auto* entry = std::get_if<TerminalEntry>(&records_.back().entry);
  return entry == nullptr ? std::nullopt : std::optional<TerminalEntry>(*entry);
}

Status Chain::Prune(uint32_t retained_max) {
  CHECK(retained_max >= 1);
  uint32_t retained = 0;
  size_t first_kept = records_.size();
  while (first_kept > 0 && retained < retained_max) {
    --first_kept;
    if (std::holds_alternative<CheckpointEntry>(records_[first_kept].entry)) ++retained;
  }
  if (retained < retained_max) return Status::Ok();
  const uint64_t first_kept_block = BlockOf(records_[first_kept].slot);
  while (BlockOf(records_.front().slot) < first_kept_block) {
    const uint64_t block = BlockOf(records_.front().slot);
    const Status marked = file_system_.CreateExclusive(layout_.ChainPrunedPath(block), {});
    if (!marked.ok() && marked.code() != StatusCode::kAlreadyExists) return marked;
    while (BlockOf(records_.front().slot) == block) {
      RETURN_IF_ERROR(file_system_.Remove(layout_.ChainRecordPath(records_.front().slot)));
      records_.erase(records_.begin());
    }
  }
  return Status::Ok();
}

CheckpointPublication::CheckpointPublication(FileSystem& file_system, Chain& chain, const CheckpointMetadata& metadata)
    : CheckpointPublication(file_system, chain, metadata, chain.layout().MetadataPath(metadata.id)) {}

CheckpointPublication::CheckpointPublication(FileSystem& file_system, Chain& chain, const CheckpointMetadata& metadata,
                                             const std::string& metadata_path)
    : file_system_(file_system), chain_(chain), content_(metadata.Encode()), entry_(EntryOf(metadata, metadata_path, content_)) {}

CheckpointPublication::Outcome CheckpointPublication::TryOnce() {
  if (!metadata_written_) {
    const ExclusiveWriteResult result = TryWriteExclusive(file_system_, entry_.metadata_path, content_);
    if (result.outcome == ExclusiveWrite::kExistsOther) return Outcome::kBurned;
    if (result.outcome == ExclusiveWrite::kUnknown) {
      last_error_ = result.error;
      return Outcome::kUnknown;
    }
    metadata_written_ = true;
  }
  switch (chain_.TryAppend(entry_)) {
    case ChainAppend::kAppended: return Outcome::kPublished;
    case ChainAppend::kFenced:
    case ChainAppend::kEnded:
    case ChainAppend::kStale: return Outcome::kFenced;
    case ChainAppend::kUnknown: last_error_ = chain_.last_error(); return Outcome::kUnknown;
    case ChainAppend::kCorrupt: last_error_ = chain_.last_error(); return Outcome::kCorrupt;
  }
  return Outcome::kUnknown;
}

}  // namespace weir
