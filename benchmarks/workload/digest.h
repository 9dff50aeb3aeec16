// The checksum of the workloads: row count and sum of row hashes. It does not depend on order and partial sums can be
// merged; loss, duplicates and wrong values change it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::bench {

// splitmix64.
constexpr uint64_t Mix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// FNV-1a, by which strings enter a row's hash.
constexpr uint64_t HashText(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

// `query` tells rows of different queries apart.
template <std::integral... Fields>
constexpr uint64_t RowHash(uint64_t query, Fields... fields) {
  uint64_t hash = Mix64(query);
  ((hash = Mix64(hash ^ static_cast<uint64_t>(fields))), ...);
  return hash;
}

// A row of a keyed count's final view.
constexpr uint64_t CountHash(uint64_t key, uint64_t sum) { return Mix64(Mix64(key) ^ sum); }

struct Digest {
  uint64_t rows = 0;
  uint64_t sum = 0;

  constexpr void Add(uint64_t row_hash) {
    ++rows;
    sum += row_hash;
  }
  constexpr void Merge(const Digest& other) {
    rows += other.rows;
    sum += other.sum;
  }
  bool operator==(const Digest&) const = default;
};

}  // namespace weir::bench
