// The same work as keyed_count.cc as a hand-written single-threaded loop: an open-addressing table, nothing else.
//
//   keyed_count_loop [RECORDS] [KEYS]   prints seconds, records per second, number of keys and checksum
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

uint64_t Mix64(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

struct Slot {
  uint64_t key_plus_one = 0;
  uint64_t count = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000'000;
  const uint64_t keys = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  uint64_t slots = 16;
  while (slots < keys * 2) slots *= 2;
  std::vector<Slot> table(slots);
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < records; ++i) {
    const uint64_t key = Mix64(i) % keys;
    uint64_t at = (key * 0x9e3779b97f4a7c15ULL) & (slots - 1);
    while (table[at].key_plus_one != key + 1 && table[at].key_plus_one != 0) at = (at + 1) & (slots - 1);
    table[at].key_plus_one = key + 1;
    ++table[at].count;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  uint64_t rows = 0;
  uint64_t checksum = 0;
  for (const Slot& slot : table) {
    if (slot.key_plus_one == 0) continue;
    ++rows;
    checksum += Mix64(Mix64(slot.key_plus_one - 1) ^ slot.count);
  }
  std::printf("%.3f s, %.1f million records/s, %llu %016llx\n", seconds, static_cast<double>(records) / seconds / 1e6, static_cast<unsigned long long>(rows),
              static_cast<unsigned long long>(checksum));
  return 0;
}
