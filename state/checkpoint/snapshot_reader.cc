#include "state/checkpoint/snapshot_reader.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "state/checkpoint/state_bytes.h"

namespace weir {
namespace {

// Magic, version and length of the payload.
constexpr uint64_t kHeaderPrefixBytes = 16;
constexpr uint64_t kBlockBytesMin = kSnapshotBlockHeaderBytes + sizeof(uint64_t);

}  // namespace

SnapshotBlockRecords::SnapshotBlockRecords(std::string_view records, uint32_t record_count, size_t state_count, bool packed)
    : in_(records), left_(record_count), state_count_(state_count), packed_(packed) {
  if (!packed) return;
  shape_ = {in_.Get<uint32_t>(), in_.Get<uint32_t>(), in_.Get<uint32_t>()};
  if (shape_.state_index >= state_count) in_.Fail();
}

bool SnapshotBlockRecords::NextPacked(SnapshotRecord& record) {
  if (left_ == 0 || !in_.ok()) return false;
  --left_;
  record.state_index = shape_.state_index;
  record.kind = SnapshotRecordKind::kValue;
  record.key = in_.GetRaw(shape_.key_bytes);
  record.name_space = {};
  record.value = in_.GetRaw(shape_.value_bytes);
  return in_.ok();
}

bool SnapshotBlockRecords::NextPlain(SnapshotRecord& record) {
  if (left_ == 0 || !in_.ok()) return false;
  --left_;
  const uint64_t state_index = in_.GetVarint();
  if (state_index >= state_count_) in_.Fail();
  record.state_index = static_cast<uint32_t>(state_index);
  record.kind = in_.Get<SnapshotRecordKind>();
  if (record.kind > SnapshotRecordKind::kRangeTombstone) in_.Fail();
  record.key = in_.GetString();
  record.name_space = in_.GetString();
  record.value = record.kind == SnapshotRecordKind::kValue ? in_.GetString() : std::string_view();
  return in_.ok();
}

StatusOr<SnapshotReader> SnapshotReader::Open(FileSystem& file_system, const StateBytes& bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<ReadableFile> file, OpenStateBytes(file_system, bytes));
  SnapshotReader reader(bytes.path.empty() ? "(inline)" : bytes.path, std::move(file));
  RETURN_IF_ERROR(reader.ReadHeader());
  RETURN_IF_ERROR(reader.ReadFooter(bytes));
  return reader;
}

Status SnapshotReader::Wrong(uint64_t offset, std::string_view expected) const {
  return Corruption("keyed snapshot is damaged: expected " + std::string(expected) + ", offset=" + std::to_string(offset) + " path=" + name_);
}

// Requires: the piece lies in the file. So no hostile length takes more memory than the file does.
StatusOr<std::string> SnapshotReader::ReadPiece(uint64_t offset, uint64_t size_bytes) const {
  std::string piece(size_bytes, '\0');
  RETURN_IF_ERROR(file_->ReadAt(offset, piece.data(), piece.size()));
  return piece;
}

Status SnapshotReader::ReadHeader() {
  if (file_->size_bytes() < kHeaderPrefixBytes + sizeof(uint64_t) + kSnapshotFooterBytes) return Wrong(0, "a header and a footer");
  ASSIGN_OR_RETURN(const std::string prefix, ReadPiece(0, kHeaderPrefixBytes));
  const uint64_t payload_bytes = ByteReader(std::string_view(prefix).substr(kHeaderPrefixBytes - sizeof(uint32_t))).Get<uint32_t>();
  const uint64_t header_bytes = kHeaderPrefixBytes + payload_bytes + sizeof(uint64_t);
  if (header_bytes > file_->size_bytes() - kSnapshotFooterBytes) return Wrong(kHeaderPrefixBytes, "a header in the file");
  ASSIGN_OR_RETURN(const std::string content, ReadPiece(0, header_bytes));
  StatusOr<SnapshotHeader> header = SnapshotHeader::Decode(content, &header_bytes_);
  if (!header.ok()) return header.status().WithContext(name_);
  header_ = std::move(*header);
  return Status::Ok();
}

Status SnapshotReader::ReadFooter(const StateBytes& handle) {
  const uint64_t footer_offset = file_->size_bytes() - kSnapshotFooterBytes;
  ASSIGN_OR_RETURN(const std::string content, ReadPiece(footer_offset, kSnapshotFooterBytes));
  ByteReader footer(content);
  const uint64_t index_offset = footer.Get<uint64_t>();
  const uint64_t index_size = footer.Get<uint64_t>();
  const uint64_t file_size = footer.Get<uint64_t>();
  const uint64_t checksum = footer.Get<uint64_t>();
  if (footer.GetRaw(kSnapshotEndMagic.size()) != kSnapshotEndMagic) return Wrong(footer_offset, "the end magic");
  if (file_size != file_->size_bytes()) return Wrong(footer_offset, "length " + std::to_string(file_->size_bytes()));
  if (checksum != handle.checksum) return Wrong(footer_offset, "the checksum of its handle");
  if (index_offset < header_bytes_ || index_offset > footer_offset || index_size != footer_offset - index_offset ||
      index_size < sizeof(uint32_t) + sizeof(uint64_t)) {
    return Wrong(footer_offset, "an index before the footer");
  }
  return ReadIndex(index_offset, index_size);
}

Status SnapshotReader::ReadIndex(uint64_t index_offset, uint64_t index_size) {
  ASSIGN_OR_RETURN(const std::string content, ReadPiece(index_offset, index_size));
  const std::string_view covered = std::string_view(content).substr(0, content.size() - sizeof(uint64_t));
  ByteReader index(content);
  const uint32_t count = index.Get<uint32_t>();
  if (uint64_t{count} * kSnapshotIndexEntryBytes != covered.size() - sizeof(uint32_t)) return Wrong(index_offset, "a whole index");
  index_.resize(count);
  for (SnapshotBlockEntry& entry : index_) {
    entry.key_group = index.Get<uint32_t>();
    entry.offset = index.Get<uint64_t>();
    entry.size_bytes = index.Get<uint32_t>();
    entry.record_count = index.Get<uint32_t>();
    record_count_ += entry.record_count;
  }
  if (index.Get<uint64_t>() != Checksum64(covered)) return Wrong(index_offset, "the checksum of the index");
  return CheckIndex(index_offset);
}

Status SnapshotReader::CheckIndex(uint64_t index_offset) const {
  uint64_t blocks_bytes = 0;
  for (const SnapshotBlockEntry& entry : index_) {
    blocks_bytes += entry.size_bytes;
    if (!header_.key_groups.Contains(entry.key_group)) return Wrong(index_offset, "key groups of the range");
    if (entry.offset < header_bytes_ || entry.offset > index_offset || entry.size_bytes > index_offset - entry.offset) {
      return Wrong(index_offset, "blocks before the index");
    }
    if (entry.size_bytes < kBlockBytesMin || entry.record_count > (entry.size_bytes - kBlockBytesMin) / kSnapshotRecordBytesMin) {
      return Wrong(index_offset, "blocks with room for their records");
    }
  }
  const auto not_ascending = [](const SnapshotBlockEntry& a, const SnapshotBlockEntry& b) {
    return a.key_group > b.key_group || (a.key_group == b.key_group && a.offset >= b.offset);
  };
  if (std::adjacent_find(index_.begin(), index_.end(), not_ascending) != index_.end()) return Wrong(index_offset, "an ordered index");
  if (blocks_bytes != index_offset - header_bytes_) return Wrong(index_offset, "an index of every block");
  return Status::Ok();
}

std::vector<SnapshotBlockEntry>::const_iterator SnapshotReader::FirstBlock(uint32_t key_group) const {
  return std::lower_bound(index_.begin(), index_.end(), key_group, [](const SnapshotBlockEntry& entry, uint32_t group) { return entry.key_group < group; });
}

SnapshotReader::KeyGroupSize SnapshotReader::SizeOf(uint32_t key_group) const {
  KeyGroupSize size;
  for (auto entry = FirstBlock(key_group); entry != index_.end() && entry->key_group == key_group; ++entry) {
    size.record_count += entry->record_count;
    size.size_bytes += entry->size_bytes;
  }
  return size;
}

Status SnapshotReader::ReadBlock(const SnapshotBlockEntry& entry, std::string& block) const {
  block.resize(entry.size_bytes);
  RETURN_IF_ERROR(file_->ReadAt(entry.offset, block.data(), block.size()));
  const std::string_view covered = std::string_view(block).substr(0, block.size() - sizeof(uint64_t));
  ByteReader in(block);
  const uint32_t magic = in.Get<uint32_t>();
  const uint32_t key_group = in.Get<uint32_t>();
  const uint32_t record_count = in.Get<uint32_t>();
  const uint32_t records_bytes = in.Get<uint32_t>();
  if ((magic != kSnapshotBlockMagic && magic != kSnapshotPackedMagic) || key_group != entry.key_group || record_count != entry.record_count ||
      records_bytes != covered.size() - kSnapshotBlockHeaderBytes) {
    return Wrong(entry.offset, "a block header");
  }
  if (ByteReader(std::string_view(block).substr(covered.size())).Get<uint64_t>() != Checksum64(covered)) {
    return Wrong(entry.offset, "the checksum of the block");
  }
  return Status::Ok();
}

SnapshotBlockRecords SnapshotReader::RecordsOf(const SnapshotBlockEntry& entry, std::string_view block) const {
  const bool packed = ByteReader(block).Get<uint32_t>() == kSnapshotPackedMagic;
  return {block.substr(kSnapshotBlockHeaderBytes, block.size() - kBlockBytesMin), entry.record_count, header_.states.size(), packed};
}

Status SnapshotReader::ReadKeyGroup(uint32_t key_group, KeyGroupRecords& group) const {
  for (auto entry = FirstBlock(key_group); entry != index_.end() && entry->key_group == key_group; ++entry) {
    RETURN_IF_ERROR(ReadBlock(*entry, group.blocks.emplace_back()));
    SnapshotBlockRecords records = RecordsOf(*entry, group.blocks.back());
    SnapshotRecord record;
    while (records.Next(record)) group.records.push_back(record);
    if (!records.complete()) return Wrong(entry->offset, "records that decode");
  }
  return Status::Ok();
}

SnapshotReader::Cursor::Cursor(const SnapshotReader& reader, KeyGroupRange range)
    : reader_(reader), range_(range), next_block_(static_cast<size_t>(reader.FirstBlock(range.start) - reader.index_.begin())) {}

// False at the end of the range, or when the block is damaged.
bool SnapshotReader::Cursor::OpenNextBlock() {
  if (next_block_ == reader_.index_.size() || !range_.Contains(reader_.index_[next_block_].key_group)) return false;
  const SnapshotBlockEntry& entry = reader_.index_[next_block_++];
  status_ = reader_.ReadBlock(entry, block_);
  if (!status_.ok()) return false;
  records_ = reader_.RecordsOf(entry, block_);
  key_group_ = entry.key_group;
  return true;
}

bool SnapshotReader::Cursor::Next() {
  while (status_.ok()) {
    if (records_.Next(record_)) return true;
    if (!records_.complete()) {
      status_ = reader_.Wrong(reader_.index_[next_block_ - 1].offset, "records that decode");
    } else if (!OpenNextBlock()) {
      return false;
    }
  }
  return false;
}

}  // namespace weir
