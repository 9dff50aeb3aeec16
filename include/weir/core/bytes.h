// Little-endian byte encoding: the one way in which the engine and serializers write and read bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

static_assert(std::endian::native == std::endian::little, "weir runs on little-endian machines only");

// Appends values to a growing buffer. Thread-compatible.
class ByteWriter {
 public:
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void Put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
  }
  // Unsigned LEB128, at most 10 bytes.
  void PutVarint(uint64_t value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    bytes_.push_back(static_cast<char>(value));
  }
  // A varint length, then the bytes.
  void PutString(std::string_view text) {
    PutVarint(text.size());
    bytes_.append(text);
  }
  void PutRaw(const void* data, size_t size_bytes) { bytes_.append(static_cast<const char*>(data), size_bytes); }
  // Overwrites bytes written before. Requires: offset + sizeof(T) <= size().
  template <class T>
    requires std::is_arithmetic_v<T>
  void Overwrite(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(T));
  }

  size_t size() const { return bytes_.size(); }
  std::string_view view() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }
  void Clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

// Reads what ByteWriter wrote. Never reads past the end: a short or wrong read sets ok() to false, yields zero
// values and keeps failing, so that a decoder checks once at its end. Thread-compatible.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  T Get() {
    T value{};
    if (remaining() < sizeof(T)) return Fail(), value;
    if constexpr (std::is_same_v<T, bool>) {
      const uint8_t raw = static_cast<uint8_t>(bytes_[offset_]);
      if (raw > 1) return Fail(), false;
      value = raw != 0;
    } else {
      std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    }
    offset_ += sizeof(T);
    return value;
  }
  uint64_t GetVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (remaining() == 0) return Fail(), 0;
      const uint8_t byte = static_cast<uint8_t>(bytes_[offset_++]);
      if (shift == 63 && byte > 1) return Fail(), 0;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return Fail(), 0;
  }
  // A view into the input; valid as long as the input is.
  std::string_view GetString() { return GetRaw(GetVarint()); }
  std::string_view GetRaw(uint64_t size_bytes) {
    if (size_bytes > remaining()) return Fail(), std::string_view();
    const std::string_view view = bytes_.substr(offset_, size_bytes);
    offset_ += size_bytes;
    return view;
  }
  // A count of elements that each take at least `element_bytes_min` (>= 1) bytes: a hostile count fails here, before
  // anybody allocates for it.
  uint64_t GetCount(uint64_t element_bytes_min = 1) {
    const uint64_t count = GetVarint();
    if (count > remaining() / element_bytes_min) return Fail(), 0;
    return count;
  }

  void Fail() {
    ok_ = false;
    offset_ = bytes_.size();
  }
  bool ok() const { return ok_; }
  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  bool AtEnd() const { return remaining() == 0; }

 private:
  std::string_view bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace weir
