#include "runtime/operator/job_library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

#include "base/status_macros.h"
#include "runtime/operator/packed_files.h"
#include <weir/job.h>

namespace weir {
namespace {

// A read-only view of a whole file.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    problem_ = fd < 0 ? std::string("cannot be read: ") + std::strerror(errno) : Map(fd);
    if (fd >= 0) ::close(fd);
  }
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  // What is wrong with the file; empty: nothing, and there is something in it.
  const std::string& problem() const { return problem_; }
  std::string_view view() const { return data_ == nullptr ? std::string_view() : std::string_view(data_, size_); }

 private:
  std::string Map(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return std::string("cannot be read: ") + std::strerror(errno);
    if (S_ISDIR(status.st_mode)) return std::string("cannot be read: ") + std::strerror(EISDIR);
    if (!S_ISREG(status.st_mode)) return "is no regular file";
    if (status.st_size == 0) return "is empty";
    size_ = static_cast<size_t>(status.st_size);
    void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return std::string("cannot be read: ") + std::strerror(errno);
    data_ = static_cast<const char*>(data);
    return "";
  }

  std::string problem_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// Copies a T at `offset` out of hostile bytes.
template <class T>
bool ReadAt(std::string_view bytes, uint64_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

uint64_t AlignNote(uint64_t size) { return (size + 3) & ~uint64_t{3}; }

// The description of the note named "Weir" in one note section.
std::string FindWeirNote(std::string_view section) {
  uint64_t at = 0;
  Elf64_Nhdr header{};
  while (ReadAt(section, at, header)) {
    const uint64_t name_at = at + sizeof(header);
    const uint64_t description_at = name_at + AlignNote(header.n_namesz);
    const uint64_t end = description_at + AlignNote(header.n_descsz);
    if (end > section.size() || end <= at) return {};
    if (section.substr(name_at, header.n_namesz) == std::string_view("Weir\0", 5)) {
      const std::string_view description = section.substr(description_at, header.n_descsz);
      return std::string(description.substr(0, description.find('\0')));
    }
    at = end;
  }
  return {};
}

}  // namespace

StatusOr<std::string> ReadAbiNote(const std::string& path) {
  const MappedFile file(path);
  const std::string_view bytes = file.view();
  if (!file.problem().empty()) return InvalidArgument("job library " + file.problem() + ", path=" + path);
  Elf64_Ehdr header{};
  if (!ReadAt(bytes, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return InvalidArgument("job library is no shared library (no ELF file), path=" + path);
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN || header.e_machine != EM_X86_64) {
    return InvalidArgument("job library is no 64-bit x86 shared library, path=" + path);
  }
  if (header.e_shentsize != sizeof(Elf64_Shdr)) return InvalidArgument("job library is damaged: bad section headers, path=" + path);
  for (uint32_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    if (!ReadAt(bytes, header.e_shoff + uint64_t{i} * sizeof(section), section)) {
      return InvalidArgument("job library is truncated, size=" + std::to_string(bytes.size()) + ", path=" + path);
    }
    if (section.sh_type != SHT_NOBITS && (section.sh_offset > bytes.size() || section.sh_size > bytes.size() - section.sh_offset)) {
      return InvalidArgument("job library is truncated, size=" + std::to_string(bytes.size()) + ", path=" + path);
    }
    if (section.sh_type != SHT_NOTE) continue;
    if (std::string note = FindWeirNote(bytes.substr(section.sh_offset, section.sh_size)); !note.empty()) return note;
  }
  return InvalidArgument("shared library has no WEIR_JOB entry: it is no job, path=" + path);
}

Status CheckAbi(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string note, ReadAbiNote(path));
  if (note == WEIR_ABI_TEXT) return Status::Ok();
  return FailedPrecondition("job library was built for another ABI: it has \"" + note + "\", this cluster has \"" WEIR_ABI_TEXT
                            "\"; rebuild it with this version's `weir build`, path=" + path);
}

StatusOr<JobLibrary> JobLibrary::Load(const std::string& path) {
  RETURN_IF_ERROR(CheckAbi(path));
  {
    const MappedFile file(path);
    ASSIGN_OR_RETURN(const std::vector<PackedFile> packed, FindPackedFiles(file.view()));
    RETURN_IF_ERROR(UsePackedFiles(packed));
  }
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return InvalidArgument(std::string("job library cannot be loaded: ") + ::dlerror());
  void* const entry = ::dlsym(library, "weir_job_entry");
  if (entry == nullptr) return InvalidArgument("job library has no entry weir_job_entry: use WEIR_JOB, path=" + path);
  return JobLibrary(entry);
}

Status JobLibrary::BuildGraph(const std::vector<std::string>& arguments, std::shared_ptr<StreamGraph> graph) const {
  using Entry = void (*)(StreamExecutionEnvironment&, const Parameters&);
  StreamExecutionEnvironment environment(std::move(graph));
  try {
    const Parameters parameters(arguments);
    reinterpret_cast<Entry>(entry_)(environment, parameters);
  } catch (const std::exception& error) {
    return UserError(std::string("the job's entry failed: ") + error.what());
  } catch (...) {
    return UserError("the job's entry threw something that is no std::exception");
  }
  return Status::Ok();
}

}  // namespace weir
