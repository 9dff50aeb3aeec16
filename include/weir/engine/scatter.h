// Routing of a batch's rows to channels, typed once per record type.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <weir/core/owned_bytes.h>
#include <weir/core/record_batch.h>

namespace weir {

// The batch that one channel is filling.
struct ChannelBuilder {
  std::byte* cursor = nullptr;
  std::byte* end = nullptr;
  uint64_t* hashes = nullptr;      // Null when the edge carries none.
  int64_t* timestamps = nullptr;
  size_t owned_bytes = 0;          // Of its rows, beyond their own size.
};

class ScatterTarget {
 public:
  virtual ~ScatterTarget() = default;
  // Makes room in the builder of `channel`: sends its full batch and starts a new one. May wait for credit.
  virtual void MakeRoom(uint32_t channel) = 0;
  ChannelBuilder* builders = nullptr;
  size_t owned_bytes_max = SIZE_MAX;  // A batch ends behind the row with which it owns that much.
};

using ScatterFunction = void (*)(RecordBatch& rows, const uint16_t* channel_of_row, const uint64_t* hashes, ScatterTarget& target);

// What an edge knows of its records, and where it begins and ends.
struct EdgeRouting {
  const TypeInfo* type = nullptr;
  ScatterFunction scatter = nullptr;
  std::function<void(const RecordBatch&, uint64_t* hashes)> hash_keys;                              // Key group edges.
  std::function<void(const RecordBatch&, uint32_t channels, uint16_t* channel_of_row)> custom;  // Custom edges.
  std::string side_output;  // Id of the producer's side output; empty = the main one.
  uint8_t input = 0;        // Of the consumer: 1 = the second of two.
};

template <class T>
void ScatterRows(RecordBatch& batch, const uint16_t* channel_of_row, const uint64_t* hashes, ScatterTarget& target) {
  T* const rows = batch.Rows<T>();
  const int64_t* const timestamps = batch.has_timestamps() ? batch.timestamps() : nullptr;
  const uint32_t count = batch.size();
  for (uint32_t i = 0; i < count; ++i) {
    ChannelBuilder& builder = target.builders[channel_of_row[i]];
    if (builder.cursor == builder.end) [[unlikely]] target.MakeRoom(channel_of_row[i]);
    const T* const row = std::construct_at(reinterpret_cast<T*>(builder.cursor), std::move(rows[i]));
    builder.cursor += sizeof(T);
    if constexpr (internal::kOwnsMemory<T>) {
      builder.owned_bytes += internal::OwnedBytes(*row);
      if (builder.owned_bytes >= target.owned_bytes_max) [[unlikely]] builder.end = builder.cursor;
    }
    if (hashes != nullptr) *builder.hashes++ = hashes[i];
    if (timestamps != nullptr) *builder.timestamps++ = timestamps[i];
  }
}

}  // namespace weir
