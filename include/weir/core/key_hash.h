// The hash that routes keys: XXH3-64 of the key's encoding (a string without its length). Part of the savepoint format.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <weir/core/serde.h>

namespace weir {

// XXH3-64, seed 0, of any bytes. Thread-safe.
uint64_t HashBytes(const void* data, size_t size_bytes);

namespace internal {

// XXH3-64 (seed 0) of 4 and 8 byte inputs, inline: the algorithm's branch for 4 to 8 bytes with the constants of its
// default secret. Source: xxHash specification, "XXH3, inputs of 4 to 8 bytes".
inline uint64_t HashWord(uint64_t word, uint64_t size_bytes) {
  constexpr uint64_t kBitflip = 0xc73ab174c5ecd5a2ULL;
  const uint64_t low = word & 0xffffffffULL;
  const uint64_t high = size_bytes == 8 ? word >> 32 : low;
  uint64_t h = (high + (low << 32)) ^ kBitflip;
  h ^= std::rotl(h, 49) ^ std::rotl(h, 24);
  h *= 0x9fb21c651e98df25ULL;
  h ^= (h >> 35) + size_bytes;
  h *= 0x9fb21c651e98df25ULL;
  return h ^ (h >> 28);
}

}  // namespace internal

template <class K>
uint64_t HashKey(const K& key) {
  if constexpr ((std::is_integral_v<K> || std::is_enum_v<K>) && (sizeof(K) == 4 || sizeof(K) == 8)) {
    uint64_t word = 0;
    std::memcpy(&word, &key, sizeof(K));
    return internal::HashWord(word, sizeof(K));
  } else if constexpr (std::is_convertible_v<const K&, std::string_view>) {
    const std::string_view text = key;
    return HashBytes(text.data(), text.size());
  } else {
    thread_local ByteWriter encoded;
    encoded.Clear();
    Serde<K>::Encode(key, encoded);
    return HashBytes(encoded.view().data(), encoded.size());
  }
}

}  // namespace weir
