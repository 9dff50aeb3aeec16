#include "runtime/task/savepoint_files.h"

#include "base/status_macros.h"
#include "state/checkpoint/delta_merge.h"
#include "state/checkpoint/snapshot_reader.h"

namespace weir {
namespace {

constexpr uint64_t kCopyBytes = 1024 * 1024;

Status Copy(FileSystem& files, const StateBytes& bytes, const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> from, files.OpenForReading(bytes.path));
  ASSIGN_OR_RETURN(const std::unique_ptr<DurableFile> to, files.Create(path));
  std::string piece;
  for (uint64_t offset = 0; offset < bytes.size_bytes; offset += piece.size()) {
    piece.resize(std::min(kCopyBytes, bytes.size_bytes - offset));
    RETURN_IF_ERROR(from->ReadAt(offset, piece.data(), piece.size()));
    RETURN_IF_ERROR(to->Append(piece));
  }
  return to->Publish();
}

}  // namespace

std::string SavepointFilePath(const SavepointOrder& order, const std::string& checkpoint_file) {
  return order.directory + checkpoint_file.substr(checkpoint_file.rfind('/'));
}

Status SavepointFiles::CheckWanted() const { return cancelled_.load() ? Cancelled("the savepoint was aborted") : Status::Ok(); }

StatusOr<std::vector<KeyedStateHandle>> SavepointFiles::MakeCanonical(const SnapshotHeader& header, const std::vector<KeyedStateHandle>& parts,
                                                                      SnapshotFileWriter::Options file) {
  std::vector<SnapshotReader> readers;
  for (const KeyedStateHandle& part : parts) {
    ASSIGN_OR_RETURN(SnapshotReader reader, SnapshotReader::Open(files_, part.bytes));
    readers.push_back(std::move(reader));
  }
  SnapshotFileWriter writer(files_, std::move(file), header);
  RETURN_IF_ERROR(MergeIntoBase(readers, [&](SnapshotBlock block) {
    RETURN_IF_ERROR(CheckWanted());
    return writer.AddBlock(std::move(block));
  }));
  ASSIGN_OR_RETURN(StateBytes bytes, writer.Finish());
  return std::vector<KeyedStateHandle>{{header.key_groups, std::move(bytes)}};
}

StatusOr<std::vector<KeyedStateHandle>> SavepointFiles::MakeNative(const std::vector<KeyedStateHandle>& parts,
                                                                   const std::function<SnapshotFileWriter::Options()>& next_file) {
  std::vector<KeyedStateHandle> made = parts;
  for (KeyedStateHandle& handle : made) {
    if (handle.bytes.path.empty()) continue;
    RETURN_IF_ERROR(CheckWanted());
    const std::string path = next_file().path;
    const Status linked = files_.LinkExclusive(handle.bytes.path, path);
    if (!linked.ok() && linked.code() != StatusCode::kFailedPrecondition) return linked;
    if (!linked.ok()) RETURN_IF_ERROR(Copy(files_, handle.bytes, path));
    handle.bytes.path = path;
  }
  return made;
}

}  // namespace weir
