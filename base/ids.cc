#include "base/ids.h"

#include <sys/random.h>

#include <charconv>
#include <cstring>

#include "base/check.h"

namespace weir {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

uint64_t RotateLeft(uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

uint64_t FinalMix(uint64_t k) {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccdULL;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53ULL;
  return k ^ (k >> 33);
}

// MurmurHash3 x64 128, seed 0 (public domain algorithm by Austin Appleby): Flink's operator ids are made of it.
std::array<uint8_t, 16> Murmur3(std::string_view text) {
  constexpr uint64_t c1 = 0x87c37b91114253d5ULL;
  constexpr uint64_t c2 = 0x4cf5ad432745937fULL;
  uint64_t h1 = 0;
  uint64_t h2 = 0;
  size_t offset = 0;
  for (; offset + 16 <= text.size(); offset += 16) {
    uint64_t k[2];
    std::memcpy(k, text.data() + offset, 16);
    h1 ^= RotateLeft(k[0] * c1, 31) * c2;
    h1 = (RotateLeft(h1, 27) + h2) * 5 + 0x52dce729;
    h2 ^= RotateLeft(k[1] * c2, 33) * c1;
    h2 = (RotateLeft(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  uint64_t tail[2] = {0, 0};
  std::memcpy(tail, text.data() + offset, text.size() - offset);
  h2 ^= RotateLeft(tail[1] * c2, 33) * c1;
  h1 ^= RotateLeft(tail[0] * c1, 31) * c2;
  h1 ^= text.size();
  h2 ^= text.size();
  h1 += h2;
  h2 += h1;
  h1 = FinalMix(h1);
  h2 = FinalMix(h2);
  h1 += h2;
  h2 += h1;
  std::array<uint8_t, 16> out;
  std::memcpy(out.data(), &h1, 8);
  std::memcpy(out.data() + 8, &h2, 8);
  return out;
}

}  // namespace

template <class Tag>
std::string Id128<Tag>::ToHex() const {
  std::string hex;
  hex.reserve(32);
  for (const uint8_t byte : bytes) {
    hex.push_back(kHexDigits[byte >> 4]);
    hex.push_back(kHexDigits[byte & 15]);
  }
  return hex;
}

template <class Tag>
StatusOr<Id128<Tag>> Id128<Tag>::FromHex(std::string_view hex) {
  if (hex.size() != 32) return InvalidArgument("an id has 32 hex digits, got \"" + std::string(hex) + "\"");
  Id128 id;
  for (size_t i = 0; i < 16; ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return InvalidArgument("an id has 32 hex digits, got \"" + std::string(hex) + "\"");
    id.bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return id;
}

template <class Tag>
Id128<Tag> Id128<Tag>::Random() {
  Id128 id;
  CHECK(getrandom(id.bytes.data(), id.bytes.size(), 0) == static_cast<ssize_t>(id.bytes.size()));
  return id;
}

template struct Id128<JobIdTag>;
template struct Id128<OperatorIdTag>;
template struct Id128<IncarnationIdTag>;

OperatorId OperatorIdFromUid(std::string_view uid) { return OperatorId{Murmur3(uid)}; }

std::string AttemptId::ToString() const { return std::to_string(epoch.value) + "." + std::to_string(restart); }

StatusOr<AttemptId> AttemptId::FromString(std::string_view text) {
  AttemptId id;
  const char* end = text.data() + text.size();
  auto [dot, error] = std::from_chars(text.data(), end, id.epoch.value);
  if (error == std::errc() && dot != end && *dot == '.') {
    auto [last, second_error] = std::from_chars(dot + 1, end, id.restart);
    if (second_error == std::errc() && last == end) return id;
  }
  return InvalidArgument("an attempt id reads <epoch>.<restart>, got \"" + std::string(text) + "\"");
}

}  // namespace weir
