// What makes a checkpoint a savepoint, as barriers and triggers carry it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

enum class SavepointFormat : uint8_t {
  kCanonical = 0,  // One file per keyed operator and subtask, without tombstones, the same from every state backend.
  kNative = 1,     // The files of the incremental snapshot as they are.
};
std::string_view SavepointFormatName(SavepointFormat format);  // "CANONICAL"

struct SavepointOrder {
  static constexpr size_t kDirectoryBytesMax = 4'096;

  SavepointFormat format = SavepointFormat::kCanonical;
  std::string directory;  // Absolute, of this savepoint alone. All its files lie in it.
  bool stops = false;     // Tasks emit nothing behind the barrier; they end once it is complete, and go on when it is aborted.
  bool operator==(const SavepointOrder&) const = default;
};

}  // namespace weir
