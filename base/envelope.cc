#include "base/envelope.h"

#include "base/check.h"
#include "base/checksum.h"

namespace weir {
namespace {

constexpr size_t kCountOffset = kEnvelopeMagicBytes + sizeof(uint32_t);
constexpr size_t kLengthOffset = kCountOffset + sizeof(uint32_t);
constexpr size_t kHeaderBytes = kLengthOffset + sizeof(uint64_t);

Status Wrong(std::string_view what, size_t offset, std::string_view expected) {
  return Corruption(std::string(what) + " is damaged: expected " + std::string(expected) + ", offset=" +
                    std::to_string(offset));
}

}  // namespace

EnvelopeWriter::EnvelopeWriter(std::string_view magic, uint32_t version) {
  CHECK(magic.size() == kEnvelopeMagicBytes);
  writer_.PutRaw(magic.data(), magic.size());
  writer_.Put(version);
  writer_.Put(uint32_t{0});
  writer_.Put(uint64_t{0});
}

void EnvelopeWriter::AddSection(uint32_t tag, std::string_view payload) {
  CHECK(section_count_ < kEnvelopeSectionCountMax);
  ++section_count_;
  writer_.Put(tag);
  writer_.Put(uint64_t{payload.size()});
  writer_.Put(Checksum64(payload));
  writer_.PutRaw(payload.data(), payload.size());
}

std::string EnvelopeWriter::Finish() {
  writer_.Overwrite(kCountOffset, section_count_);
  writer_.Overwrite(kLengthOffset, uint64_t{writer_.size() + sizeof(uint64_t)});
  writer_.Put(Checksum64(writer_.view()));
  return writer_.Take();
}

StatusOr<EnvelopeReader> EnvelopeReader::Open(std::string_view bytes, std::string_view magic, uint32_t version_max,
                                              std::string_view what) {
  ByteReader reader(bytes);
  if (reader.GetRaw(kEnvelopeMagicBytes) != magic) return Wrong(what, 0, "magic " + std::string(magic));
  EnvelopeReader envelope;
  envelope.what_ = what;
  envelope.version_ = reader.Get<uint32_t>();
  const uint32_t section_count = reader.Get<uint32_t>();
  const uint64_t length = reader.Get<uint64_t>();
  if (!reader.ok()) return Wrong(what, kHeaderBytes, "a whole header");
  if (envelope.version_ == 0) return Wrong(what, kEnvelopeMagicBytes, "a version from 1 on");
  const std::string_view covered = bytes.substr(0, bytes.size() - std::min(bytes.size(), sizeof(uint64_t)));
  const bool lengths_fit = length == bytes.size() && length >= kHeaderBytes + sizeof(uint64_t);
  const bool whole = lengths_fit && ByteReader(bytes.substr(covered.size())).Get<uint64_t>() == Checksum64(covered);
  // A length that does not fit may be a newer release's idea of one; a checksum that does not is damage.
  if (envelope.version_ > version_max && lengths_fit && !whole) return Wrong(what, kEnvelopeMagicBytes, "a known version");
  if (envelope.version_ > version_max) {
    return FailedPrecondition(std::string(what) + " was written by a newer release, version=" +
                              std::to_string(envelope.version_) + " newest known=" + std::to_string(version_max));
  }
  if (!lengths_fit) {
    return Wrong(what, kLengthOffset, "length " + std::to_string(bytes.size()) + " got " + std::to_string(length));
  }
  if (section_count > kEnvelopeSectionCountMax) return Wrong(what, kCountOffset, "fewer sections");
  ByteReader body(covered.substr(kHeaderBytes));
  for (uint32_t i = 0; i < section_count; ++i) {
    const size_t offset = kHeaderBytes + body.offset();
    const uint32_t tag = body.Get<uint32_t>();
    const uint64_t size_bytes = body.Get<uint64_t>();
    const uint64_t checksum = body.Get<uint64_t>();
    const std::string_view payload = body.GetRaw(size_bytes);
    if (!body.ok() || Checksum64(payload) != checksum) return Wrong(what, offset, "an undamaged section, tag=" + std::to_string(tag));
    envelope.sections_.emplace_back(tag, payload);
  }
  if (!body.AtEnd()) return Wrong(what, kHeaderBytes + body.offset(), "the end of the last section");
  if (!whole) return Wrong(what, covered.size(), "the checksum of the whole");  // Header or checksum: every section is as it was.
  return envelope;
}

StatusOr<std::string_view> EnvelopeReader::Section(uint32_t tag) const {
  for (const auto& [section_tag, payload] : sections_) {
    if (section_tag == tag) return payload;
  }
  return Corruption(what_ + " lacks a section, tag=" + std::to_string(tag));
}

}  // namespace weir
