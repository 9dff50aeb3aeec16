// How keys and values lie in RocksDB. Nothing of it outlives the process: no format.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir {

// Big-endian: RocksDB orders by bytes.
inline void AppendBigEndian16(std::string& out, uint32_t number) {
  out.push_back(static_cast<char>(number >> 8));
  out.push_back(static_cast<char>(number));
}
inline uint32_t BigEndian16(std::string_view bytes) { return uint32_t{static_cast<uint8_t>(bytes[0])} << 8 | static_cast<uint8_t>(bytes[1]); }

inline constexpr size_t kKeyGroupBytes = 2;
// Of a value: the epoch in which it was put as changed, 0 = it was not; the value follows.
inline constexpr size_t kStampBytes = 4;

inline void SetRocksKey(std::string& out, uint32_t key_group, std::string_view key) {
  out.clear();
  AppendBigEndian16(out, key_group);
  out.append(key);
}

// A change: epoch, key group, key, column.
inline constexpr size_t kEpochBytes = 4;
inline constexpr size_t kChangeColumnBytes = 2;
inline void SetEpoch(std::string& out, uint32_t epoch) {
  out.clear();
  AppendBigEndian16(out, epoch >> 16);
  AppendBigEndian16(out, epoch);
}
inline void SetChangeKey(std::string& out, uint32_t epoch, uint32_t key_group, std::string_view key, uint32_t column) {
  SetEpoch(out, epoch);
  AppendBigEndian16(out, key_group);
  out.append(key);
  AppendBigEndian16(out, column);
}

}  // namespace weir
