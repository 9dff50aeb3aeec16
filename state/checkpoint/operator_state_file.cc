#include "state/checkpoint/operator_state_file.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIROPST";
constexpr std::string_view kEndMagic = "WEIROEND";
constexpr uint32_t kVersion = 2;
constexpr size_t kHeaderBytes = 16;
constexpr size_t kFooterBytes = 24;

}  // namespace

OperatorStateWriter::OperatorStateWriter() {
  writer_.PutRaw(kMagic.data(), kMagic.size());
  writer_.Put(kVersion);
  writer_.Put(uint32_t{0});
  CHECK(writer_.size() == kHeaderBytes);
}

void OperatorStateWriter::Declare(std::string_view name, RedistributionMode mode, std::string_view schema) {
  for (const OperatorStatePartition& partition : partitions_) {
    if (partition.name != name) continue;
    CHECK(partition.mode == mode);
    return;
  }
  partitions_.push_back({.name = std::string(name), .mode = mode, .schema = std::string(schema), .items = {}});
}

void OperatorStateWriter::AddItem(std::string_view name, std::string_view item) {
  const auto partition = std::find_if(partitions_.begin(), partitions_.end(),
                                      [&](const OperatorStatePartition& candidate) { return candidate.name == name; });
  CHECK(partition != partitions_.end());
  partition->items.push_back({writer_.size(), item.size()});
  writer_.PutRaw(item.data(), item.size());
}

StatusOr<OperatorStateHandle> OperatorStateWriter::Finish(FileSystem& file_system, const std::string& path,
                                                          const StatePlacement& placement) {
  const uint64_t directory_offset = writer_.size();
  writer_.PutVarint(partitions_.size());
  for (const OperatorStatePartition& partition : partitions_) {
    writer_.PutString(partition.name);
    writer_.Put(partition.mode);
    writer_.PutString(partition.schema);
    writer_.PutVarint(partition.items.size());
    for (const OperatorStatePartition::Item& item : partition.items) {
      writer_.PutVarint(item.offset);
      writer_.PutVarint(item.size_bytes);
    }
  }
  writer_.Put(directory_offset);
  writer_.Put(Checksum64(writer_.view()));
  writer_.PutRaw(kEndMagic.data(), kEndMagic.size());
  OperatorStateHandle handle;
  ASSIGN_OR_RETURN(handle.bytes, WriteStateBytes(file_system, path, writer_.Take(), placement));
  handle.partitions = std::move(partitions_);
  return handle;
}

StatusOr<OperatorStateReader> OperatorStateReader::Open(const OperatorStateHandle& handle, std::string content) {
  if (content.size() < kHeaderBytes + kFooterBytes || !content.starts_with(kMagic) || !content.ends_with(kEndMagic)) {
    return Corruption("operator state is damaged: expected its magic at both ends");
  }
  const size_t footer_offset = content.size() - kFooterBytes;
  ByteReader footer(std::string_view(content).substr(footer_offset));
  const uint64_t directory_offset = footer.Get<uint64_t>();
  const std::string_view covered = std::string_view(content).substr(0, footer_offset + sizeof(uint64_t));
  if (footer.Get<uint64_t>() != Checksum64(covered)) {
    return Corruption("operator state is damaged: expected the checksum of the whole, offset=" +
                      std::to_string(footer_offset));
  }
  const uint32_t version = ByteReader(std::string_view(content).substr(kMagic.size())).Get<uint32_t>();
  if (version < 1 || version > kVersion) {
    return FailedPrecondition("operator state has an unknown version, version=" + std::to_string(version));
  }
  if (directory_offset < kHeaderBytes || directory_offset > footer_offset) {
    return Corruption("operator state is damaged: directory out of bounds");
  }
  for (const OperatorStatePartition& partition : handle.partitions) {
    for (const OperatorStatePartition::Item& item : partition.items) {
      if (item.offset < kHeaderBytes || item.offset > directory_offset ||
          item.size_bytes > directory_offset - item.offset) {
        return Corruption("operator state handle names an item out of bounds, state=" + partition.name);
      }
    }
  }
  OperatorStateReader reader;
  reader.content_ = std::move(content);
  reader.partitions_ = handle.partitions;
  return reader;
}

std::string_view OperatorStateReader::Item(const OperatorStatePartition::Item& item) const {
  CHECK(item.offset <= content_.size());
  CHECK(item.size_bytes <= content_.size() - item.offset);
  return std::string_view(content_).substr(item.offset, item.size_bytes);
}

}  // namespace weir
