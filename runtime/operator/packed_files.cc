#include "runtime/operator/packed_files.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>

#include <weir/job_files.h>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kFilesMax = 1'000;

template <class T>
bool ReadAt(std::string_view bytes, uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

// One job per process: its files belong to the process. Set while the library is loaded.
struct ProcessFiles {
  std::mutex mutex;
  std::map<std::string, std::string, std::less<>> path_of;  // Guarded by mutex.
};

ProcessFiles& Files() {
  static ProcessFiles files;
  return files;
}

// The path of an anonymous file with this content; it lives as long as the process.
StatusOr<std::string> MemoryFile(const PackedFile& file) {
  const int fd = ::memfd_create(file.name.substr(0, 200).c_str(), 0);
  if (fd < 0) return Unavailable(std::string("no memory file: ") + std::strerror(errno));
  std::string_view rest = file.content;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      ::close(fd);
      return Unavailable("packed file does not fit in memory, name=" + file.name);
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace

StatusOr<std::vector<PackedFile>> FindPackedFiles(std::string_view elf) {
  std::vector<PackedFile> files;
  Elf64_Ehdr header{};
  Elf64_Shdr names{};
  if (!ReadAt(elf, 0, header) || header.e_shentsize != sizeof(Elf64_Shdr)) return InvalidArgument("job library is damaged: bad section headers");
  if (header.e_shnum == 0) return files;
  if (!ReadAt(elf, header.e_shoff + uint64_t{header.e_shstrndx} * sizeof(names), names) || names.sh_offset > elf.size() ||
      names.sh_size > elf.size() - names.sh_offset) {
    return InvalidArgument("job library is damaged: bad section names");
  }
  const std::string_view name_table = elf.substr(names.sh_offset, names.sh_size);
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    if (!ReadAt(elf, header.e_shoff + uint64_t{i} * sizeof(section), section) || section.sh_name >= name_table.size()) continue;
    std::string_view name = name_table.substr(section.sh_name);
    name = name.substr(0, name.find('\0'));
    const bool is_library = name.starts_with(kPackedLibraryPrefix);
    if (!is_library && !name.starts_with(kPackedFilePrefix)) continue;
    if (section.sh_offset > elf.size() || section.sh_size > elf.size() - section.sh_offset) return InvalidArgument("job library is truncated in a packed file");
    if (files.size() == kFilesMax) return InvalidArgument("job library has more than 1000 packed files");
    name.remove_prefix(is_library ? kPackedLibraryPrefix.size() : kPackedFilePrefix.size());
    files.push_back({std::string(name), is_library, elf.substr(section.sh_offset, section.sh_size)});
  }
  return files;
}

Status UsePackedFiles(const std::vector<PackedFile>& files) {
  std::vector<std::string> waiting;
  for (const PackedFile& file : files) {
    ASSIGN_OR_RETURN(const std::string path, MemoryFile(file));
    if (file.is_library) {
      waiting.push_back(path);
    } else {
      std::lock_guard lock(Files().mutex);
      Files().path_of[file.name] = path;
    }
  }
  // A library loads once those that it needs are there; the dynamic linker finds them by their soname.
  while (!waiting.empty()) {
    std::string last_error;
    const size_t loaded = std::erase_if(waiting, [&](const std::string& path) {
      if (::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return true;
      last_error = ::dlerror();
      return false;
    });
    if (loaded == 0) return InvalidArgument("packed library cannot be loaded: " + last_error);
  }
  return Status::Ok();
}

std::string JobFile(std::string_view name) {
  std::lock_guard lock(Files().mutex);
  const auto found = Files().path_of.find(name);
  if (found == Files().path_of.end()) throw std::out_of_range("no file of this name was packed with `weir build --file`, name=" + std::string(name));
  return found->second;
}

}  // namespace weir
