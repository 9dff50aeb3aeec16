// Writes and reads the bytes behind a state handle.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "state/checkpoint/state_handle.h"

namespace weir {

// Content that is small enough for `placement` travels in the handle; else it is written durably under `path`, which must be
// exclusive (R6). Blocks.
StatusOr<StateBytes> WriteStateBytes(FileSystem& file_system, const std::string& path, std::string content,
                                     const StatePlacement& placement);

// The bytes behind a handle, to be read in pieces. kCorruption when their number differs from the handle's; who reads them
// checks the rest. kNotFound and kUnavailable as the file system says. Blocks.
StatusOr<std::unique_ptr<ReadableFile>> OpenStateBytes(FileSystem& file_system, const StateBytes& bytes);

// Not for keyed snapshots (SnapshotReader). kCorruption when size or checksum differ from the handle's (R6); kNotFound and
// kUnavailable as the file system says. Blocks.
StatusOr<std::string> ReadStateBytes(FileSystem& file_system, const StateBytes& bytes);

}  // namespace weir
