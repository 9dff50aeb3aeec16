// Frames of a data connection (docs/formats.md, "data plane"): header, then the sections that it announces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/element/element.h"

namespace weir {

// 64 bytes, little-endian, the first thing of every frame. Sections follow without gaps: hashes, timestamps, rows.
struct FrameHeader {
  static constexpr size_t kBytes = 64;
  static constexpr uint32_t kMagic = 0x46524557;  // "WERF"
  static constexpr uint16_t kVersion = 2;
  static constexpr uint64_t kRowBytesMax = uint64_t{1} << 31;

  ElementKind kind = ElementKind::kBatch;
  bool has_hashes = false;
  bool has_timestamps = false;
  bool flat = false;         // Rows are the type's own image; else its encoding.
  uint64_t sequence = 0;     // Of the frame in its channel, from 0.
  uint32_t rows = 0;         // Batches only.
  uint64_t row_bytes = 0;    // Length of the rows section; of a savepoint's barrier: of its order.
  uint64_t argument = 0;     // Watermark, status, barrier id; by kind.
  int64_t argument2 = 0;     // Barrier timestamp.
  uint64_t checksum = 0;     // XXH3-64 of the sections.

  void EncodeTo(std::byte* out) const;  // kBytes, ends with a checksum of the header itself.
  static StatusOr<FrameHeader> Decode(const std::byte* bytes);
  uint64_t SectionBytes() const { return (has_hashes ? uint64_t{rows} * 8 : 0) + (has_timestamps ? uint64_t{rows} * 8 : 0) + row_bytes; }
};

// The only section of a barrier: its savepoint's order; nothing for other elements. At most kOrderBytesMax.
constexpr uint64_t kOrderBytesMax = SavepointOrder::kDirectoryBytesMax + 16;
std::string ControlSection(const Element& element);
// The header of a control element; batches are described by the writer. `section`: its ControlSection.
FrameHeader ControlFrame(const Element& element, uint64_t sequence, std::string_view section);
// kCorruption for a header that is no control element, or a section that is not what it announces.
StatusOr<Element> ElementOf(const FrameHeader& header, std::string_view section);

// From the consumer to the producer: credit comes back, work is asked for. 32 bytes.
struct CreditFrame {
  static constexpr size_t kBytes = 32;
  static constexpr uint32_t kMagic = 0x43524557;  // "WERC"
  uint32_t batches = 0;
  uint32_t work_requests = 0;
  uint64_t bytes = 0;

  void EncodeTo(std::byte* out) const;
  static StatusOr<CreditFrame> Decode(const std::byte* bytes);
};

}  // namespace weir
