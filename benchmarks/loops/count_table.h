// Sums by 64-bit keys: open addressing, made as large as it will get, with prefetch.
#pragma once

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "benchmarks/loops/worker.h"
#include "benchmarks/workload/digest.h"

namespace weir::bench {

// Routes and finds a key: as good a hash as an engine needs, which must expect any keys.
constexpr uint64_t LoopHash(uint64_t key) { return Mix64(key); }
constexpr uint32_t WorkerOf(uint64_t hash, uint32_t workers) { return static_cast<uint32_t>(((hash >> 32) * workers) >> 32); }

// Thread: its worker's.
class CountTable {
 public:
  // At most two thirds full with `keys_max` keys. A key of ~0 is not possible.
  explicit CountTable(uint64_t keys_max) : slots_(std::bit_ceil(keys_max * 3 / 2 + 16)), mask_(slots_ - 1) {
    void* const memory = ::mmap(nullptr, slots_ * sizeof(Entry), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) Die("mmap");
    ::madvise(memory, slots_ * sizeof(Entry), MADV_HUGEPAGE);
    entries_ = static_cast<Entry*>(memory);
    for (uint64_t i = 0; i < slots_; ++i) entries_[i].key = kFree;
  }
  ~CountTable() { ::munmap(entries_, slots_ * sizeof(Entry)); }
  CountTable(const CountTable&) = delete;
  CountTable& operator=(const CountTable&) = delete;

  // The sum of a key, 0 for a new one.
  uint64_t& At(uint64_t key, uint64_t hash) {
    for (uint64_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      Entry& entry = entries_[slot];
      if (entry.key == key) return entry.sum;
      if (entry.key == kFree) {
        entry.key = key;
        return entry.sum;
      }
    }
  }
  // Calls body(row, sum) for each row; key_of(row) is its key. Lines are fetched ahead, sixteen rows at a time.
  template <class Row, class KeyOf, class Body>
  void ForEach(const Row* rows, size_t count, KeyOf key_of, Body body) {
    size_t i = 0;
    std::array<uint64_t, kGroup> hashes;
    for (; i + kGroup <= count; i += kGroup) {
      for (size_t k = 0; k < kGroup; ++k) {
        hashes[k] = LoopHash(key_of(rows[i + k]));
        __builtin_prefetch(&entries_[hashes[k] & mask_], 1);
      }
      for (size_t k = 0; k < kGroup; ++k) body(rows[i + k], At(key_of(rows[i + k]), hashes[k]));
    }
    for (; i < count; ++i) body(rows[i], At(key_of(rows[i]), LoopHash(key_of(rows[i]))));
  }
  void AddFinalView(Digest& digest) const {
    for (uint64_t i = 0; i < slots_; ++i) {
      if (entries_[i].key != kFree) digest.Add(CountHash(entries_[i].key, entries_[i].sum));
    }
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  static constexpr size_t kGroup = 16;
  struct Entry {
    uint64_t key;
    uint64_t sum;
  };

  const uint64_t slots_;
  const uint64_t mask_;
  Entry* entries_ = nullptr;
};

}  // namespace weir::bench
