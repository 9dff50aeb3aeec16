#include "runtime/network/frame.h"

#include <cstring>

#include <weir/core/bytes.h>

#include "base/check.h"
#include "base/checksum.h"
#include "runtime/network/remote_channel.h"

namespace weir {
namespace {

template <class T>
void PutAt(std::byte* out, size_t offset, T value) {
  std::memcpy(out + offset, &value, sizeof(T));
}

template <class T>
T GetAt(const std::byte* bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof(T));
  return value;
}

uint64_t ChecksumOf(const std::byte* bytes, size_t size) { return Checksum64({reinterpret_cast<const char*>(bytes), size}); }

constexpr uint8_t kFlagHashes = 1;
constexpr uint8_t kFlagTimestamps = 2;
constexpr uint8_t kFlagFlat = 4;

constexpr uint32_t kHandshakeMagic = 0x48524557;  // "WERH"
constexpr uint32_t kHandshakeVersion = 1;

}  // namespace

// magic 0, version 4, kind 6, flags 7, sequence 8, rows 16, (zero 20), row bytes 24, argument 32, argument2 40,
// checksum of sections 48, checksum of bytes 0..55 at 56.
void FrameHeader::EncodeTo(std::byte* out) const {
  std::memset(out, 0, kBytes);
  PutAt(out, 0, kMagic);
  PutAt(out, 4, kVersion);
  PutAt(out, 6, static_cast<uint8_t>(kind));
  PutAt(out, 7, static_cast<uint8_t>((has_hashes ? kFlagHashes : 0) | (has_timestamps ? kFlagTimestamps : 0) | (flat ? kFlagFlat : 0)));
  PutAt(out, 8, sequence);
  PutAt(out, 16, rows);
  PutAt(out, 24, row_bytes);
  PutAt(out, 32, argument);
  PutAt(out, 40, argument2);
  PutAt(out, 48, checksum);
  PutAt(out, 56, ChecksumOf(out, 56));
}

StatusOr<FrameHeader> FrameHeader::Decode(const std::byte* bytes) {
  if (GetAt<uint32_t>(bytes, 0) != kMagic) return Corruption("frame has a wrong magic number");
  if (GetAt<uint64_t>(bytes, 56) != ChecksumOf(bytes, 56)) return Corruption("frame header has a wrong checksum");
  if (const uint16_t version = GetAt<uint16_t>(bytes, 4); version != kVersion) return Corruption("frame has an unknown version, version=" + std::to_string(version));
  FrameHeader header;
  const uint8_t kind = GetAt<uint8_t>(bytes, 6);
  const uint8_t flags = GetAt<uint8_t>(bytes, 7);
  if (kind < static_cast<uint8_t>(ElementKind::kBatch) || kind > static_cast<uint8_t>(ElementKind::kEndOfInput)) {
    return Corruption("frame has an unknown kind, kind=" + std::to_string(kind));
  }
  header.kind = static_cast<ElementKind>(kind);
  header.has_hashes = (flags & kFlagHashes) != 0;
  header.has_timestamps = (flags & kFlagTimestamps) != 0;
  header.flat = (flags & kFlagFlat) != 0;
  header.sequence = GetAt<uint64_t>(bytes, 8);
  header.rows = GetAt<uint32_t>(bytes, 16);
  header.row_bytes = GetAt<uint64_t>(bytes, 24);
  header.argument = GetAt<uint64_t>(bytes, 32);
  header.argument2 = GetAt<int64_t>(bytes, 40);
  header.checksum = GetAt<uint64_t>(bytes, 48);
  bool possible = header.SectionBytes() == 0;
  if (header.kind == ElementKind::kBatch) possible = header.rows != 0 && header.row_bytes <= kRowBytesMax;
  if (header.kind == ElementKind::kBarrier) possible = header.SectionBytes() == header.row_bytes && header.row_bytes <= kOrderBytesMax;
  if (!possible) {
    return Corruption("frame has impossible lengths, rows=" + std::to_string(header.rows) + ", bytes=" + std::to_string(header.row_bytes));
  }
  return header;
}

std::string ControlSection(const Element& element) {
  if (element.kind != ElementKind::kBarrier || element.barrier.savepoint == nullptr) return {};
  const SavepointOrder& order = *element.barrier.savepoint;
  CHECK(order.directory.size() <= SavepointOrder::kDirectoryBytesMax);
  ByteWriter out;
  out.Put(order.format);
  out.Put(order.stops);
  out.PutString(order.directory);
  return out.Take();
}

FrameHeader ControlFrame(const Element& element, uint64_t sequence, std::string_view section) {
  FrameHeader header;
  header.kind = element.kind;
  header.sequence = sequence;
  header.row_bytes = section.size();
  if (!section.empty()) header.checksum = Checksum64(section);
  switch (element.kind) {
    case ElementKind::kWatermark: header.argument = static_cast<uint64_t>(element.watermark); break;
    case ElementKind::kStatus: header.argument = static_cast<uint64_t>(element.status); break;
    case ElementKind::kBarrier:
      header.argument = element.barrier.id.value;
      header.argument2 = element.barrier.timestamp_ms;
      break;
    case ElementKind::kEndOfInput: break;
    case ElementKind::kBatch: CHECK(false);
  }
  return header;
}

namespace {

StatusOr<Element> BarrierOf(const FrameHeader& header, std::string_view section) {
  CheckpointBarrier barrier{CheckpointId{header.argument}, header.argument2, nullptr};
  if (section.empty()) return Element::Barrier(std::move(barrier));
  if (Checksum64(section) != header.checksum) return Corruption("frame has a wrong checksum");
  ByteReader in(section);
  SavepointOrder order;
  order.format = in.Get<SavepointFormat>();
  order.stops = in.Get<bool>();
  order.directory = in.GetString();
  if (!in.ok() || !in.AtEnd() || order.format > SavepointFormat::kNative || !order.directory.starts_with('/')) {
    return Corruption("frame holds a savepoint order that does not decode");
  }
  barrier.savepoint = std::make_shared<const SavepointOrder>(std::move(order));
  return Element::Barrier(std::move(barrier));
}

}  // namespace

StatusOr<Element> ElementOf(const FrameHeader& header, std::string_view section) {
  if (section.size() != header.row_bytes) return Corruption("frame has impossible lengths");
  switch (header.kind) {
    case ElementKind::kWatermark: return Element::Watermark(static_cast<int64_t>(header.argument));
    case ElementKind::kStatus:
      if (header.argument > static_cast<uint64_t>(StreamStatus::kDrained)) break;
      return Element::Status(static_cast<StreamStatus>(header.argument));
    case ElementKind::kBarrier: return BarrierOf(header, section);
    case ElementKind::kEndOfInput: return Element::EndOfInput();
    case ElementKind::kBatch: break;
  }
  return Corruption("frame holds an unknown control element");
}

// magic 0, batches 4, work requests 8, bytes 16, checksum of bytes 0..23 at 24.
void CreditFrame::EncodeTo(std::byte* out) const {
  std::memset(out, 0, kBytes);
  PutAt(out, 0, kMagic);
  PutAt(out, 4, batches);
  PutAt(out, 8, work_requests);
  PutAt(out, 16, bytes);
  PutAt(out, 24, ChecksumOf(out, 24));
}

StatusOr<CreditFrame> CreditFrame::Decode(const std::byte* raw) {
  if (GetAt<uint32_t>(raw, 0) != kMagic || GetAt<uint64_t>(raw, 24) != ChecksumOf(raw, 24)) return Corruption("credit frame is damaged");
  return CreditFrame{GetAt<uint32_t>(raw, 4), GetAt<uint32_t>(raw, 8), GetAt<uint64_t>(raw, 16)};
}

// magic 0, version 4, job 8..23, epoch 24, restart 32, edge 36, producer 40, consumer 44, zero 48..55, checksum of
// bytes 0..55 at 56.
std::string ChannelHandshake::Encode() const {
  std::array<std::byte, kEncodedBytes> out{};
  PutAt(out.data(), 0, kHandshakeMagic);
  PutAt(out.data(), 4, kHandshakeVersion);
  std::memcpy(out.data() + 8, job.bytes.data(), job.bytes.size());
  PutAt(out.data(), 24, attempt.epoch.value);
  PutAt(out.data(), 32, attempt.restart);
  PutAt(out.data(), 36, edge);
  PutAt(out.data(), 40, producer_subtask);
  PutAt(out.data(), 44, consumer_subtask);
  PutAt(out.data(), 56, ChecksumOf(out.data(), 56));
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

StatusOr<ChannelHandshake> ChannelHandshake::Decode(std::string_view bytes) {
  if (bytes.size() != kEncodedBytes) return Corruption("data handshake has a wrong length, length=" + std::to_string(bytes.size()));
  const std::byte* const raw = reinterpret_cast<const std::byte*>(bytes.data());
  if (GetAt<uint32_t>(raw, 0) != kHandshakeMagic) return Corruption("data handshake has a wrong magic number");
  if (GetAt<uint64_t>(raw, 56) != ChecksumOf(raw, 56)) return Corruption("data handshake has a wrong checksum");
  if (GetAt<uint32_t>(raw, 4) != kHandshakeVersion) return Corruption("data handshake has an unknown version");
  ChannelHandshake handshake;
  std::memcpy(handshake.job.bytes.data(), raw + 8, 16);
  handshake.attempt = {LeaderEpoch{GetAt<uint64_t>(raw, 24)}, GetAt<uint32_t>(raw, 32)};
  handshake.edge = GetAt<uint32_t>(raw, 36);
  handshake.producer_subtask = GetAt<uint32_t>(raw, 40);
  handshake.consumer_subtask = GetAt<uint32_t>(raw, 44);
  return handshake;
}

}  // namespace weir
