// Operator state of one operator in one subtask: named lists of items. Layout: docs/formats.md, "operator state file".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <weir/core/bytes.h>

#include "base/file_system.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// Thread-compatible.
class OperatorStateWriter {
 public:
  OperatorStateWriter();

  // Makes the name exist, with or without items; `schema` describes each. Requires: the same mode each time. Names are few.
  void Declare(std::string_view name, RedistributionMode mode, std::string_view schema);
  // Requires: the name was declared.
  void AddItem(std::string_view name, std::string_view item);

  // Completes the content and writes it (state_bytes.h); ok means durable or inline. Once. Blocks.
  StatusOr<OperatorStateHandle> Finish(FileSystem& file_system, const std::string& path, const StatePlacement& placement);

 private:
  ByteWriter writer_;
  std::vector<OperatorStatePartition> partitions_;
};

// The items that a handle names. Owns the content; items are views into it. Thread-compatible.
class OperatorStateReader {
 public:
  // Verifies `content`, the whole file, and that every item of the handle lies in it. kCorruption, kFailedPrecondition.
  static StatusOr<OperatorStateReader> Open(const OperatorStateHandle& handle, std::string content);

  // In the order of the handle.
  const std::vector<OperatorStatePartition>& partitions() const { return partitions_; }
  std::string_view Item(const OperatorStatePartition::Item& item) const;

 private:
  std::string content_;
  std::vector<OperatorStatePartition> partitions_;
};

}  // namespace weir
