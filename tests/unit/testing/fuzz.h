// Damages bytes in the ways that a decoder must survive: random, truncated, bit-flipped, spliced. Seeded.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace weir::testing {

// Calls `decode` with `rounds` damaged variants of `valid`, none of them equal to it. `decode` must return without a crash.
inline void Fuzz(std::string_view valid, uint32_t rounds, const std::function<void(const std::string&)>& decode) {
  std::mt19937_64 random(20'240'607);
  const auto below = [&random](size_t bound) { return static_cast<size_t>(random() % bound); };
  for (uint32_t round = 0; round < rounds; ++round) {
    std::string bytes(valid);
    switch (round % 4) {
      case 0: bytes.resize(below(bytes.size())); break;
      case 1:
        for (size_t flips = 1 + below(3); flips > 0; --flips) {
          bytes[below(bytes.size())] ^= static_cast<char>(1 << below(8));
        }
        break;
      case 2:
        bytes.resize(below(200));
        for (char& c : bytes) c = static_cast<char>(random());
        break;
      case 3: bytes.insert(below(bytes.size()), bytes.substr(below(bytes.size()), 1 + below(40))); break;
    }
    if (bytes != valid) decode(bytes);
  }
}

}  // namespace weir::testing
