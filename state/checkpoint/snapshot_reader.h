// Reads a keyed snapshot block by block. Layout: docs/formats.md, "keyed snapshot".
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "state/checkpoint/snapshot_format.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// The records of one block, as views into its bytes.
class SnapshotBlockRecords {
 public:
  SnapshotBlockRecords() = default;
  // Of a packed block `records` begins with the shape.
  SnapshotBlockRecords(std::string_view records, uint32_t record_count, size_t state_count, bool packed);

  // False at the end, or where the bytes are no record of a known state.
  bool Next(SnapshotRecord& record) { return packed_ ? NextPacked(record) : NextPlain(record); }
  // Requires: Next returned false. Whether the records that were promised, and nothing else, were there.
  bool complete() const { return in_.ok() && in_.AtEnd() && left_ == 0; }

 private:
  bool NextPlain(SnapshotRecord& record);
  bool NextPacked(SnapshotRecord& record);

  ByteReader in_{{}};
  uint32_t left_ = 0;
  size_t state_count_ = 0;
  bool packed_ = false;
  PackedShape shape_;
};

// What a key group holds, with the bytes it stands on.
struct KeyGroupRecords {
  std::vector<SnapshotRecord> records;  // In file order.
  std::deque<std::string> blocks;       // Never moved: records are views into them.
};

// Opening reads header, index and footer only. Blocks are verified as they are read, so damage in blocks that nobody
// reads is not seen. Thread-compatible; all but the accessors block.
class SnapshotReader {
 public:
  // Walks records of a key-group range: key groups ascending, within one in file order. Reads the blocks of the range
  // only, one after the other into the same buffer.
  class Cursor {
   public:
    // Moves to the next record. False at the end, or on an error: see status.
    bool Next();
    // Of the record that Next moved to; valid until the next call.
    const SnapshotRecord& record() const { return record_; }
    uint32_t key_group() const { return key_group_; }
    // kCorruption or kUnavailable when the walk ended early: what it yielded before is not the whole.
    const Status& status() const { return status_; }

    // Use SnapshotReader::Records.
    Cursor(const SnapshotReader& reader, KeyGroupRange range);

   private:
    bool OpenNextBlock();

    const SnapshotReader& reader_;
    KeyGroupRange range_;
    size_t next_block_ = 0;
    std::string block_;
    SnapshotBlockRecords records_;  // Of block_, not yet read.
    uint32_t key_group_ = 0;
    SnapshotRecord record_;
    Status status_;
  };

  // Length and whole-file checksum, as the footer tells them, must be those of the handle. kCorruption,
  // kFailedPrecondition (another version), kNotFound, kUnavailable.
  static StatusOr<SnapshotReader> Open(FileSystem& file_system, const StateBytes& bytes);

  const SnapshotHeader& header() const { return header_; }
  uint64_t record_count() const { return record_count_; }
  struct KeyGroupSize {
    uint64_t record_count = 0;
    uint64_t size_bytes = 0;  // Of its blocks; at least kSnapshotRecordBytesMin for each record.
  };
  // As the index tells it: verified when the blocks are read.
  KeyGroupSize SizeOf(uint32_t key_group) const;

  // The reader must stay where it is while the cursor lives.
  Cursor Records(KeyGroupRange range) const { return Cursor(*this, range); }
  // Adds all records of one key group. kCorruption, kUnavailable.
  Status ReadKeyGroup(uint32_t key_group, KeyGroupRecords& group) const;

 private:
  SnapshotReader(std::string name, std::unique_ptr<ReadableFile> file) : name_(std::move(name)), file_(std::move(file)) {}
  StatusOr<std::string> ReadPiece(uint64_t offset, uint64_t size_bytes) const;
  Status ReadHeader();
  Status ReadFooter(const StateBytes& handle);
  Status ReadIndex(uint64_t index_offset, uint64_t index_size);
  Status CheckIndex(uint64_t index_offset) const;
  Status ReadBlock(const SnapshotBlockEntry& entry, std::string& block) const;
  SnapshotBlockRecords RecordsOf(const SnapshotBlockEntry& entry, std::string_view block) const;
  std::vector<SnapshotBlockEntry>::const_iterator FirstBlock(uint32_t key_group) const;
  Status Wrong(uint64_t offset, std::string_view expected) const;

  std::string name_;  // For messages.
  std::unique_ptr<ReadableFile> file_;
  uint64_t header_bytes_ = 0;
  SnapshotHeader header_;
  std::vector<SnapshotBlockEntry> index_;  // Ascending by key group, then by offset.
  uint64_t record_count_ = 0;
};

}  // namespace weir
