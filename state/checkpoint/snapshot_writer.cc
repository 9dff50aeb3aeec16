#include "state/checkpoint/snapshot_writer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kWriteBytes = 256 * 1024;

constexpr size_t kVarintBytesMax = 10;
constexpr uint32_t kPackedRecordBytesMax = 1 << 20;

char* PutVarint(char* at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

char* PutString(char* at, std::string_view text) {
  at = PutVarint(at, text.size());
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

template <class T>
void AppendFixed(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

}  // namespace

void BlockBuilder::Start(uint32_t key_group) {
  CHECK(!started_);
  started_ = true;
  key_group_ = key_group;
  record_count_ = 0;
  size_ = kSnapshotBlockHeaderBytes;
}

void BlockBuilder::StartPacked(uint32_t key_group, const PackedShape& shape) {
  Start(key_group);
  packed_record_bytes_ = shape.record_bytes();
  CHECK(packed_record_bytes_ >= 1 && packed_record_bytes_ <= kPackedRecordBytesMax);
  const size_t records = std::max<size_t>(1, kSnapshotBlockBytesTarget / packed_record_bytes_);
  bytes_.resize(size_ + kPackedShapeBytes + records * packed_record_bytes_);
  const uint32_t fields[3] = {shape.state_index, shape.key_bytes, shape.value_bytes};
  static_assert(sizeof(fields) == kPackedShapeBytes);
  std::memcpy(bytes_.data() + size_, fields, sizeof(fields));
  size_ += sizeof(fields);
  run_.at = reinterpret_cast<std::byte*>(bytes_.data() + size_);
  run_.end = reinterpret_cast<std::byte*>(bytes_.data() + bytes_.size());
}

char* BlockBuilder::Room(size_t size_bytes) {
  // Grown at once to what a full block takes: per record this is one comparison.
  if (size_ + size_bytes > bytes_.size()) bytes_.resize(std::max(kSnapshotBlockBytesTarget + kSnapshotBlockBytesTarget / 16, (size_ + size_bytes) * 2));
  return bytes_.data() + size_;
}

void BlockBuilder::Append(const SnapshotRecord& record) {
  CHECK(started_);
  ++record_count_;
  const std::string_view value = record.kind == SnapshotRecordKind::kValue ? record.value : std::string_view();
  char* at = Room(4 * kVarintBytesMax + 1 + record.key.size() + record.name_space.size() + value.size());
  at = PutVarint(at, record.state_index);
  *at++ = static_cast<char>(record.kind);
  at = PutString(at, record.key);
  at = PutString(at, record.name_space);
  if (record.kind == SnapshotRecordKind::kValue) at = PutString(at, value);
  size_ = static_cast<size_t>(at - bytes_.data());
}

SnapshotBlock BlockBuilder::Finish() {
  CHECK(started_);
  if (packed_record_bytes_ != 0) {
    const size_t begin = size_;
    size_ = static_cast<size_t>(reinterpret_cast<char*>(run_.at) - bytes_.data());
    record_count_ = static_cast<uint32_t>((size_ - begin) / packed_record_bytes_);
  }
  CHECK(size_ < kSnapshotBlockBytesMax);
  const uint32_t fields[4] = {packed_record_bytes_ != 0 ? kSnapshotPackedMagic : kSnapshotBlockMagic, key_group_, record_count_, static_cast<uint32_t>(size_ - kSnapshotBlockHeaderBytes)};
  std::memcpy(bytes_.data(), fields, sizeof(fields));
  bytes_.resize(size_);
  started_ = false;
  SnapshotBlock block{key_group_, record_count_, std::move(bytes_)};
  bytes_.clear();
  size_ = 0;
  packed_record_bytes_ = 0;
  run_ = {};
  return block;
}

SnapshotFileWriter::SnapshotFileWriter(FileSystem& file_system, Options options, const SnapshotHeader& header)
    : file_system_(file_system), options_(std::move(options)), key_groups_(header.key_groups), buffer_(header.Encode()) {
  CHECK(!options_.path.empty());
  offset_ = buffer_.size();
  checksum_.Update(buffer_);
}

SnapshotFileWriter::~SnapshotFileWriter() = default;

Status SnapshotFileWriter::AddBlock(SnapshotBlock block) {
  CHECK(key_groups_.Contains(block.key_group));
  CHECK(block.bytes.size() >= kSnapshotBlockHeaderBytes);
  const uint64_t checksum = Checksum64(block.bytes);
  AppendFixed(block.bytes, checksum);
  index_.push_back({block.key_group, offset_, static_cast<uint32_t>(block.bytes.size()), block.record_count});
  return Write(block.bytes);
}

Status SnapshotFileWriter::Write(std::string_view bytes) {
  offset_ += bytes.size();
  checksum_.Update(bytes);
  buffer_.append(bytes);
  if (file_ == nullptr && offset_ <= options_.placement.inline_size_bytes_max) return Status::Ok();
  if (file_ == nullptr) {
    RETURN_IF_ERROR(CheckPlacement(options_.placement, offset_));
    ASSIGN_OR_RETURN(file_, file_system_.Create(options_.path));
  }
  if (buffer_.size() < kWriteBytes) return Status::Ok();
  RETURN_IF_ERROR(file_->Append(buffer_));
  buffer_.clear();
  return Status::Ok();
}

std::string SnapshotFileWriter::EncodeIndexAndFooter() {
  // Stable: blocks of one key group keep their order in the file, on which "the last record wins" rests.
  std::stable_sort(index_.begin(), index_.end(),
                   [](const SnapshotBlockEntry& a, const SnapshotBlockEntry& b) { return a.key_group < b.key_group; });
  std::string index;
  AppendFixed(index, static_cast<uint32_t>(index_.size()));
  for (const SnapshotBlockEntry& entry : index_) {
    AppendFixed(index, entry.key_group);
    AppendFixed(index, entry.offset);
    AppendFixed(index, entry.size_bytes);
    AppendFixed(index, entry.record_count);
  }
  AppendFixed(index, Checksum64(index));
  const uint64_t index_offset = offset_;
  const uint64_t index_size = index.size();
  AppendFixed(index, index_offset);
  AppendFixed(index, index_size);
  AppendFixed(index, index_offset + index_size + kSnapshotFooterBytes);
  return index;
}

StatusOr<StateBytes> SnapshotFileWriter::FinishAs(const std::string& path) {
  CHECK(!path.empty());
  RETURN_IF_ERROR(Write(EncodeIndexAndFooter()));
  const uint64_t checksum = checksum_.Digest();  // Of all but the end: who reads the footer knows the whole file.
  std::string end;
  AppendFixed(end, checksum);
  end.append(kSnapshotEndMagic);
  RETURN_IF_ERROR(Write(end));
  StateBytes bytes{.path = {}, .inline_bytes = {}, .size_bytes = offset_, .checksum = checksum};
  if (file_ == nullptr) {
    bytes.inline_bytes = std::move(buffer_);
    return bytes;
  }
  RETURN_IF_ERROR(file_->Append(buffer_));
  RETURN_IF_ERROR(path == options_.path ? file_->Publish() : file_->PublishAs(path));
  bytes.path = path;
  return bytes;
}

}  // namespace weir
