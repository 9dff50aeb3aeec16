// What `weir build` packed into a job library: shared libraries and files, each a section of its own that is not loaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>

namespace weir {

// Section names; the part behind the prefix is the file's name.
inline constexpr std::string_view kPackedLibraryPrefix = ".weir.lib.";
inline constexpr std::string_view kPackedFilePrefix = ".weir.file.";

struct PackedFile {
  std::string name;
  bool is_library = false;
  std::string_view content;  // Into the bytes of the library.
};

// From the bytes of an ELF file, which may be hostile. kInvalidArgument when it is damaged.
StatusOr<std::vector<PackedFile>> FindPackedFiles(std::string_view elf);

// Makes packed files available to this process, in memory, until it ends: libraries are loaded, in an order in which
// they find each other, files are found by JobFile.
Status UsePackedFiles(const std::vector<PackedFile>& files);

}  // namespace weir
