// Collector<T>: how a user's function emits records.
#pragma once

#include <memory>

#include <weir/core/owned_bytes.h>
#include <weir/engine/output.h>

namespace weir {

// Thread: the task that called the function; never keep it beyond the call.
template <class T>
class Collector {
 public:
  explicit Collector(OutputBuffer& buffer) : buffer_(buffer) {}

  // Emits one record. It gets the timestamp of the record being processed. Waits while the consumers are busy, so a
  // single call may emit any number of records in bounded memory.
  void Collect(T value) {
    buffer_.Reserve();
    const T* const row = std::construct_at(reinterpret_cast<T*>(buffer_.cursor()), std::move(value));
    buffer_.Advance(sizeof(T));
    if constexpr (internal::kOwnsMemory<T>) buffer_.AddOwned(internal::OwnedBytes(*row));
  }

 private:
  OutputBuffer& buffer_;
};

}  // namespace weir
