// The chain of a job: which checkpoints are completed, who leads, whether it has ended. Its records are the only truth
// about these; everything else is derived from them.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/file_system.h"
#include "state/checkpoint/chain_record.h"
#include "state/checkpoint/checkpoint_metadata.h"
#include "state/checkpoint/checkpoint_storage.h"

namespace weir {

// Tries of a write end in one of these; only kUnknown is worth another try, with the same arguments (R5).
enum class ChainAppend : uint8_t {
  kAppended,
  kFenced,   // A record of a higher epoch is there: stop leading at once (R3).
  kEnded,    // The chain has a terminal record of an earlier life.
  kStale,    // What this view knows as the head has been pruned since: Load again.
  kUnknown,  // I/O failed; it may have happened.
  kCorrupt,  // What lies in the slot is no record, or does not follow its parent: stop (R7). last_error() names the path.
};

// Records are deleted by whole blocks of so many slots, after a marker for the block was created (docs/formats.md).
inline constexpr uint64_t kChainSlotsPerBlock = 256;

// One leader's view of the chain. Blocks on I/O; decides nothing but what the records say. Thread-compatible: one thread
// at a time. After Load no other call reads behind the head.
class Chain {
 public:
  // `file_system` must outlive the chain. `slots_per_block` belongs to the format: another value is for tests.
  Chain(FileSystem& file_system, CheckpointLayout layout, LeaderEpoch epoch,
        uint64_t slots_per_block = kChainSlotsPerBlock);

  // Reads all records that are left: from the newest listed slot (a hint only) forward until none is found, and back.
  // kUnavailable: wait and retry; kCorruption: stop (R7).
  Status Load();

  // Takes one more step to claim the chain for the epoch (R2). Requires: Load was ok. Repeat while kUnknown.
  ChainAppend TryTakeOver();
  // Requires: TryTakeOver returned kAppended. One append at a time: after kUnknown repeat it with an equal entry.
  ChainAppend TryAppend(const ChainEntry& entry);

  const std::vector<ChainRecord>& records() const { return records_; }  // Ascending by slot.
  ChainSlot head() const { return head_; }
  LeaderEpoch newest_epoch() const;
  std::optional<CheckpointEntry> NewestCheckpoint() const;
  std::optional<TerminalEntry> Terminal() const;
  const Status& last_error() const { return last_error_; }  // Of the last kUnknown or kCorrupt.
  const CheckpointLayout& layout() const { return layout_; }

  // Deletes blocks of records that recovery no longer needs when the newest `retained_max` checkpoints are kept. May be
  // repeated after any error. Nobody appends in a pruned block: whoever creates a record there finds its marker.
  Status Prune(uint32_t retained_max);

 private:
  StatusOr<std::optional<std::string>> ReadSlot(ChainSlot slot);
  Status Adopt(const std::string& bytes);
  Status LoadBackward(ChainSlot from);
  uint64_t BlockOf(ChainSlot slot) const { return slot.value / slots_per_block_; }
  StatusOr<bool> IsPruned(ChainSlot slot);
  ChainAppend TryAppendAtHead(const ChainEntry& entry);

  FileSystem& file_system_;
  const CheckpointLayout layout_;
  const LeaderEpoch epoch_;
  const uint64_t slots_per_block_;
  std::vector<ChainRecord> records_;
  ChainSlot head_;
  uint64_t head_checksum_ = 0;  // Of the encoded record at head_.
  std::optional<std::string> in_doubt_;  // Encoded record whose append is unknown.
  Status last_error_;
};

// Publishes one checkpoint: its _metadata, then its chain record. Retried by calling TryOnce again (R5).
// Blocks on I/O. Thread-compatible.
class CheckpointPublication {
 public:
  enum class Outcome : uint8_t {
    kPublished,  // The record is durable. Only this completes a checkpoint.
    kBurned,     // Other content lies under its _metadata: the id is lost, the checkpoint failed.
    kFenced,     // Another leader owns the chain.
    kUnknown,    // Try again; nothing may be deleted meanwhile.
    kCorrupt,    // The chain is damaged where the record belongs: the job cannot go on (R7). There is no record of it.
  };

  // `file_system` and `chain` must outlive it.
  CheckpointPublication(FileSystem& file_system, Chain& chain, const CheckpointMetadata& metadata);
  // Of a savepoint that recovery may start from. `metadata` is NamedIn its directory, where it is written as `metadata_path`.
  CheckpointPublication(FileSystem& file_system, Chain& chain, const CheckpointMetadata& metadata, const std::string& metadata_path);

  Outcome TryOnce();
  const CheckpointEntry& entry() const { return entry_; }
  const Status& last_error() const { return last_error_; }

 private:
  FileSystem& file_system_;
  Chain& chain_;
  const std::string content_;
  const CheckpointEntry entry_;
  bool metadata_written_ = false;
  Status last_error_;
};

}  // namespace weir
