// Reads a keyed snapshot. Layout: docs/formats.md, "keyed snapshot".
#pragma once

#include <string>
#include <vector>

#include "state/checkpoint/snapshot_format.h"

namespace weir {

// Owns the content; records are views into it. Thread-compatible.
class SnapshotReader {
 public:
  // Walks records of a key-group range: key groups ascending, within one in file order.
  class Cursor {
   public:
    // Moves to the next record. False at the end.
    bool Next();
    // Of the record that Next moved to.
    const SnapshotRecord& record() const { return record_; }
    uint32_t key_group() const { return key_group_; }

    // Use SnapshotReader::Records.
    Cursor(const SnapshotReader& reader, KeyGroupRange range);

   private:
    const SnapshotReader& reader_;
    KeyGroupRange range_;
    size_t next_block_ = 0;
    ByteReader block_;  // Records of the current block not yet read.
    uint32_t key_group_ = 0;
    SnapshotRecord record_;
  };

  // Verifies the whole content first: checksums of file, header, index and each block, and that each record decodes and
  // names a state of the header. kCorruption, kFailedPrecondition (newer version).
  static StatusOr<SnapshotReader> Open(std::string content);

  const SnapshotHeader& header() const { return header_; }
  uint64_t record_count() const { return record_count_; }
  // The reader must stay where it is while the cursor lives.
  Cursor Records(KeyGroupRange range) const { return Cursor(*this, range); }

 private:
  Status VerifyFooterAndIndex(size_t header_bytes);
  Status VerifyBlock(const SnapshotBlockEntry& entry);
  std::string_view RecordsOf(const SnapshotBlockEntry& entry) const;

  std::string content_;
  SnapshotHeader header_;
  std::vector<SnapshotBlockEntry> index_;  // Ascending by key group, then by offset.
  uint64_t record_count_ = 0;
};

}  // namespace weir
