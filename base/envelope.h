// The envelope of small stored records: magic, version, length, sections with a checksum each, checksum of the whole
// (docs/formats.md, "envelope"). What is opened successfully is what was written, bit for bit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/status.h>

namespace weir {

inline constexpr size_t kEnvelopeMagicBytes = 8;
inline constexpr uint32_t kEnvelopeSectionCountMax = 1'024;

// Thread-compatible.
class EnvelopeWriter {
 public:
  // Requires: `magic` has 8 bytes.
  EnvelopeWriter(std::string_view magic, uint32_t version);

  // Requires: `tag` was not added before; at most kEnvelopeSectionCountMax sections.
  void AddSection(uint32_t tag, std::string_view payload);
  std::string Finish();  // Once.

 private:
  ByteWriter writer_;
  uint32_t section_count_ = 0;
};

// Thread-compatible.
class EnvelopeReader {
 public:
  // Checks everything before it returns. kCorruption, naming `what`, the offset and what was expected; kFailedPrecondition
  // when the version is newer than `version_max`. `bytes` must outlive the reader.
  static StatusOr<EnvelopeReader> Open(std::string_view bytes, std::string_view magic, uint32_t version_max,
                                       std::string_view what);

  uint32_t version() const { return version_; }
  StatusOr<std::string_view> Section(uint32_t tag) const;  // kCorruption when there is none.

 private:
  uint32_t version_ = 0;
  std::string what_;
  std::vector<std::pair<uint32_t, std::string_view>> sections_;
};

}  // namespace weir
