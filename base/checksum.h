// XXH3-64: the checksum of every stored section and file, and the hash of names that are compared by content.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace weir {

uint64_t Checksum64(std::string_view bytes);

// The same checksum over bytes that come in pieces. Thread-compatible.
class Checksum64Stream {
 public:
  Checksum64Stream();
  ~Checksum64Stream();
  Checksum64Stream(const Checksum64Stream&) = delete;
  Checksum64Stream& operator=(const Checksum64Stream&) = delete;

  void Update(std::string_view bytes);
  uint64_t Digest() const;  // Of everything so far; more may follow.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
