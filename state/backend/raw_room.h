#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace weir {

// Raw memory for an object of a type that is known at run time only; small ones take no allocation.
class RawRoom {
 public:
  RawRoom(size_t size_bytes, uint32_t alignment) : alignment_{alignment}, begin_(inside_) {
    if (size_bytes > sizeof(inside_) || alignment > alignof(std::max_align_t)) begin_ = static_cast<std::byte*>(::operator new(size_bytes, alignment_));
  }
  ~RawRoom() {
    if (begin_ != inside_) ::operator delete(begin_, alignment_);
  }
  RawRoom(const RawRoom&) = delete;
  RawRoom& operator=(const RawRoom&) = delete;
  std::byte* begin() { return begin_; }

 private:
  const std::align_val_t alignment_;
  std::byte* begin_;
  alignas(std::max_align_t) std::byte inside_[256];
};

}  // namespace weir
