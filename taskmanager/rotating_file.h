// A log file that is renamed when it is full: x, x.1 (the newest old one), x.2 ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"

namespace weir {

struct RotationLimits {
  uint64_t size_bytes_max = 64ull << 20;  // Per file.
  uint32_t old_file_count_max = 10;
};

// Thread-compatible. Blocks. Output is worth less than the process: what cannot be written is dropped, with one line in the log.
class RotatingFile {
 public:
  // Opened with the first write, and so is its directory made.
  RotatingFile(std::string path, RotationLimits limits);

  // One piece is not split over two files, unless it is larger than a file may be.
  void Append(std::string_view bytes);

 private:
  void Rotate();
  bool Open();

  const std::string path_;
  const RotationLimits limits_;
  FileDescriptor file_;
  uint64_t size_bytes_ = 0;
  bool failed_ = false;  // Said so already.
};

}  // namespace weir
