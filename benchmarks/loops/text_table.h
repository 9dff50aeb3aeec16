// Counts by strings: open addressing over hashes, the strings themselves in one block.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

// Thread: its worker's.
class TextTable {
 public:
  TextTable() : entries_(kSlotsFirst) {}

  void Prefetch(uint64_t hash) const { __builtin_prefetch(&entries_[hash & (entries_.size() - 1)], 1); }
  void Increment(std::string_view text, uint64_t hash) {
    for (uint64_t slot = hash & (entries_.size() - 1);; slot = (slot + 1) & (entries_.size() - 1)) {
      Entry& entry = entries_[slot];
      if (entry.count == 0) return Insert(text, hash);
      if (entry.hash == hash && entry.size == text.size() && std::memcmp(&texts_[entry.offset], text.data(), text.size()) == 0) {
        ++entry.count;
        return;
      }
    }
  }
  void AddFinalView(Digest& digest) const {
    for (const Entry& entry : entries_) {
      if (entry.count != 0) digest.Add(CountHash(HashText({&texts_[entry.offset], entry.size}), entry.count));
    }
  }

 private:
  static constexpr size_t kSlotsFirst = 1 << 16;
  struct Entry {
    uint64_t hash = 0;
    uint32_t offset = 0;  // In texts_.
    uint32_t size = 0;
    uint64_t count = 0;  // 0 = free.
  };

  void Insert(std::string_view text, uint64_t hash) {
    if (++used_ > entries_.size() / 2) Grow();
    Place({hash, static_cast<uint32_t>(texts_.size()), static_cast<uint32_t>(text.size()), 1});
    texts_.insert(texts_.end(), text.begin(), text.end());
  }
  void Place(const Entry& entry) {
    uint64_t slot = entry.hash & (entries_.size() - 1);
    while (entries_[slot].count != 0) slot = (slot + 1) & (entries_.size() - 1);
    entries_[slot] = entry;
  }
  void Grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.count != 0) Place(entry);
    }
  }

  std::vector<Entry> entries_;  // A power of two.
  std::vector<char> texts_;
  size_t used_ = 0;
};

}  // namespace weir::bench
