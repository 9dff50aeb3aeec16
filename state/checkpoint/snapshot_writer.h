// Writes a keyed snapshot: a task fills blocks, another thread appends them to a file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/state/packed_run.h>

#include "base/checksum.h"
#include "base/file_system.h"
#include "state/checkpoint/snapshot_format.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// A finished block on its way to the file. Move it.
struct SnapshotBlock {
  uint32_t key_group = 0;
  uint32_t record_count = 0;
  std::string bytes;  // Block header and records; the checksum follows in the file.
};

// Collects the records of one key group. Thread: the task's; no I/O, no checksum, no allocation per record.
class BlockBuilder {
 public:
  // Requires: the builder is empty.
  void Start(uint32_t key_group);
  // Requires: Start was called. `value` is ignored unless `record.kind` is kValue.
  void Append(const SnapshotRecord& record);

  // Requires: the builder is empty, a record has 1 B to 1 MB. The caller writes records at run() while there is room.
  void StartPacked(uint32_t key_group, const PackedShape& shape);
  PackedRun& run() { return run_; }

  bool started() const { return started_; }
  uint32_t key_group() const { return key_group_; }
  uint32_t record_count() const { return record_count_; }
  size_t size_bytes() const { return size_; }
  bool full() const { return packed_record_bytes_ != 0 ? run_.at == run_.end : size_ >= kSnapshotBlockBytesTarget; }

  // Takes the block; the builder is empty after it. Requires: Start was called.
  SnapshotBlock Finish();

 private:
  bool started_ = false;
  uint32_t key_group_ = 0;
  uint32_t record_count_ = 0;
  char* Room(size_t size_bytes);  // Behind what is there.

  std::string bytes_;  // Grown ahead; begins with room for the block header.
  size_t size_ = 0;    // Of what is written, the header included; 0 = not started.
  uint32_t packed_record_bytes_ = 0;  // 0 = not packed.
  PackedRun run_;
};

// Thread-compatible: one thread at a time, usually of the snapshot pool. Blocks on I/O. Any error is final: nothing is
// left under the path and Finish must not be called (R33).
class SnapshotFileWriter {
 public:
  struct Options {
    std::string path;  // Exclusive: it carries attempt, subtask and sequence.
    StatePlacement placement;
  };
  // `file_system` must outlive the writer.
  SnapshotFileWriter(FileSystem& file_system, Options options, const SnapshotHeader& header);
  ~SnapshotFileWriter();

  // Requires: the block's key group lies in the header's range.
  Status AddBlock(SnapshotBlock block);
  // Completes the snapshot. Ok means durable under the path, or inline and not written at all. Once, one of the two.
  StatusOr<StateBytes> Finish() { return FinishAs(options_.path); }
  // The same under a path that was not known when writing began.
  StatusOr<StateBytes> FinishAs(const std::string& path);

 private:
  Status Write(std::string_view bytes);
  std::string EncodeIndexAndFooter();

  FileSystem& file_system_;
  const Options options_;
  const KeyGroupRange key_groups_;
  std::string buffer_;                 // Not yet in the file. Whole content while file_ is unset.
  std::unique_ptr<DurableFile> file_;  // Set once the content is too large to be inline.
  uint64_t offset_ = 0;                // Bytes so far.
  Checksum64Stream checksum_;          // Of these bytes.
  std::vector<SnapshotBlockEntry> index_;
};

}  // namespace weir
