#include "state/checkpoint/snapshot_reader.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kIndexEntryBytes = 16;
// Of the footer, the whole-file checksum does not cover itself and the magic after it.
constexpr size_t kUncoveredBytes = 16;

Status Wrong(uint64_t offset, std::string_view expected) {
  return Corruption("keyed snapshot is damaged: expected " + std::string(expected) + ", offset=" +
                    std::to_string(offset));
}

SnapshotRecord ReadRecord(ByteReader& in) {
  SnapshotRecord record;
  const uint64_t state_index = in.GetVarint();
  if (state_index > UINT32_MAX) in.Fail();
  record.state_index = static_cast<uint32_t>(state_index);
  record.kind = in.Get<SnapshotRecordKind>();
  if (record.kind > SnapshotRecordKind::kRangeTombstone) in.Fail();
  record.key = in.GetString();
  record.name_space = in.GetString();
  if (record.kind == SnapshotRecordKind::kValue) record.value = in.GetString();
  return record;
}

}  // namespace

StatusOr<SnapshotReader> SnapshotReader::Open(std::string content) {
  SnapshotReader reader;
  reader.content_ = std::move(content);
  size_t header_bytes = 0;
  ASSIGN_OR_RETURN(reader.header_, SnapshotHeader::Decode(reader.content_, &header_bytes));
  RETURN_IF_ERROR(reader.VerifyFooterAndIndex(header_bytes));
  for (const SnapshotBlockEntry& entry : reader.index_) RETURN_IF_ERROR(reader.VerifyBlock(entry));
  return reader;
}

Status SnapshotReader::VerifyFooterAndIndex(size_t header_bytes) {
  const std::string_view content = content_;
  if (content.size() < header_bytes + kSnapshotFooterBytes) return Wrong(content.size(), "a footer");
  const size_t footer_offset = content.size() - kSnapshotFooterBytes;
  ByteReader footer(content.substr(footer_offset));
  const uint64_t index_offset = footer.Get<uint64_t>();
  const uint64_t index_size = footer.Get<uint64_t>();
  const uint64_t file_size = footer.Get<uint64_t>();
  const uint64_t checksum = footer.Get<uint64_t>();
  if (footer.GetRaw(kSnapshotEndMagic.size()) != kSnapshotEndMagic) return Wrong(footer_offset, "the end magic");
  if (file_size != content.size()) return Wrong(footer_offset, "length " + std::to_string(content.size()));
  if (checksum != Checksum64(content.substr(0, content.size() - kUncoveredBytes))) {
    return Wrong(footer_offset, "the checksum of the whole");
  }
  if (index_offset < header_bytes || index_offset > footer_offset || index_size != footer_offset - index_offset ||
      index_size < sizeof(uint32_t) + sizeof(uint64_t)) {
    return Wrong(footer_offset, "an index before the footer");
  }
  const std::string_view covered = content.substr(index_offset, index_size - sizeof(uint64_t));
  ByteReader index(content.substr(index_offset, index_size));
  const uint32_t count = index.Get<uint32_t>();
  if (uint64_t{count} * kIndexEntryBytes != covered.size() - sizeof(uint32_t)) {
    return Wrong(index_offset, "a whole index");
  }
  uint64_t blocks_bytes = 0;
  index_.resize(count);
  for (SnapshotBlockEntry& entry : index_) {
    entry.key_group = index.Get<uint32_t>();
    entry.offset = index.Get<uint64_t>();
    entry.size_bytes = index.Get<uint32_t>();
    blocks_bytes += entry.size_bytes;
    if (!header_.key_groups.Contains(entry.key_group)) return Wrong(index_offset, "key groups of the range");
    if (entry.offset < header_bytes || entry.offset > index_offset || entry.size_bytes > index_offset - entry.offset) {
      return Wrong(index_offset, "blocks before the index");
    }
  }
  for (size_t i = 1; i < index_.size(); ++i) {
    const SnapshotBlockEntry& last = index_[i - 1];
    const bool ascending = last.key_group < index_[i].key_group ||
                           (last.key_group == index_[i].key_group && last.offset < index_[i].offset);
    if (!ascending) return Wrong(index_offset, "an ordered index");
  }
  if (index.Get<uint64_t>() != Checksum64(covered)) return Wrong(index_offset, "the checksum of the index");
  if (blocks_bytes != index_offset - header_bytes) return Wrong(index_offset, "an index of every block");
  return Status::Ok();
}

Status SnapshotReader::VerifyBlock(const SnapshotBlockEntry& entry) {
  if (entry.size_bytes < kSnapshotBlockHeaderBytes + sizeof(uint64_t)) return Wrong(entry.offset, "a whole block");
  const std::string_view block = std::string_view(content_).substr(entry.offset, entry.size_bytes);
  const std::string_view covered = block.substr(0, block.size() - sizeof(uint64_t));
  ByteReader in(block);
  const uint32_t magic = in.Get<uint32_t>();
  const uint32_t key_group = in.Get<uint32_t>();
  const uint32_t record_count = in.Get<uint32_t>();
  const uint32_t records_bytes = in.Get<uint32_t>();
  if (magic != kSnapshotBlockMagic || key_group != entry.key_group ||
      records_bytes != covered.size() - kSnapshotBlockHeaderBytes) {
    return Wrong(entry.offset, "a block header");
  }
  if (ByteReader(block.substr(covered.size())).Get<uint64_t>() != Checksum64(covered)) {
    return Wrong(entry.offset, "the checksum of the block");
  }
  ByteReader records(RecordsOf(entry));
  for (uint32_t i = 0; i < record_count && records.ok(); ++i) {
    if (ReadRecord(records).state_index >= header_.states.size()) records.Fail();
  }
  if (!records.ok() || !records.AtEnd()) return Wrong(entry.offset, "records that decode");
  record_count_ += record_count;
  return Status::Ok();
}

std::string_view SnapshotReader::RecordsOf(const SnapshotBlockEntry& entry) const {
  return std::string_view(content_).substr(entry.offset + kSnapshotBlockHeaderBytes,
                                           entry.size_bytes - kSnapshotBlockHeaderBytes - sizeof(uint64_t));
}

SnapshotReader::Cursor::Cursor(const SnapshotReader& reader, KeyGroupRange range)
    : reader_(reader), range_(range), block_({}) {
  const auto first = std::lower_bound(
      reader.index_.begin(), reader.index_.end(), range.start,
      [](const SnapshotBlockEntry& entry, uint32_t key_group) { return entry.key_group < key_group; });
  next_block_ = static_cast<size_t>(first - reader.index_.begin());
}

bool SnapshotReader::Cursor::Next() {
  while (block_.AtEnd()) {
    if (next_block_ == reader_.index_.size()) return false;
    const SnapshotBlockEntry& entry = reader_.index_[next_block_];
    if (!range_.Contains(entry.key_group)) return false;
    ++next_block_;
    block_ = ByteReader(reader_.RecordsOf(entry));
    key_group_ = entry.key_group;
  }
  record_ = ReadRecord(block_);
  CHECK(block_.ok());  // Open has decoded every record.
  return true;
}

}  // namespace weir
