// Identifiers as types: never a bare integer, never two arguments of one type.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <weir/core/status.h>

namespace weir {

// An integer that only compares with its own kind.
template <class Tag, class Rep>
struct Id {
  using Underlying = Rep;
  Rep value{};
  constexpr auto operator<=>(const Id&) const = default;
};

using CheckpointId = Id<struct CheckpointIdTag, uint64_t>;        // Starts at 1, only grows within a job; 0 = none.
using ChannelIndex = Id<struct ChannelIndexTag, uint32_t>;        // Within one input gate or result partition.
using VertexIndex = Id<struct VertexIndexTag, uint32_t>;          // Position of a vertex in its job graph.
using LeaderEpoch = Id<struct LeaderEpochTag, uint64_t>;          // Grows with every JobManager start (R3); 0 = none.
using SlotIndex = Id<struct SlotIndexTag, uint32_t>;              // Within one TaskManager.

// 128 bits, shown as 32 lower-case hex digits.
template <class Tag>
struct Id128 {
  std::array<uint8_t, 16> bytes{};
  constexpr auto operator<=>(const Id128&) const = default;
  std::string ToHex() const;
  bool IsZero() const { return *this == Id128{}; }
  static StatusOr<Id128> FromHex(std::string_view hex);  // kInvalidArgument unless 32 hex digits.
  static Id128 Random();                                 // From the system's entropy; thread-safe.
};

struct JobIdTag;
struct OperatorIdTag;
struct IncarnationIdTag;
using JobId = Id128<JobIdTag>;
using OperatorId = Id128<OperatorIdTag>;        // Murmur3 x64 128 of the uid's UTF-8 bytes, as Flink derives it.
using IncarnationId = Id128<IncarnationIdTag>;  // One life of one process (R28).

OperatorId OperatorIdFromUid(std::string_view uid);

// Which run of a job an acknowledgement, deployment, notification, channel or file belongs to (R9).
// Ordered: a later attempt is greater.
struct AttemptId {
  LeaderEpoch epoch;
  uint32_t restart = 0;
  constexpr auto operator<=>(const AttemptId&) const = default;
  std::string ToString() const;                               // "3.7"
  static StatusOr<AttemptId> FromString(std::string_view text);
};

// One parallel instance of a vertex.
struct SubtaskId {
  VertexIndex vertex;
  uint32_t subtask = 0;  // 0-based.
  constexpr auto operator<=>(const SubtaskId&) const = default;
};

// Inclusive range of key groups; empty when start > end.
struct KeyGroupRange {
  uint32_t start = 1;
  uint32_t end = 0;
  constexpr bool operator==(const KeyGroupRange&) const = default;
  bool empty() const { return start > end; }
  uint32_t count() const { return empty() ? 0 : end - start + 1; }
  bool Contains(uint32_t key_group) const { return key_group >= start && key_group <= end; }
};

}  // namespace weir

template <class Tag, class Rep>
struct std::hash<weir::Id<Tag, Rep>> {
  size_t operator()(weir::Id<Tag, Rep> id) const { return std::hash<Rep>()(id.value); }
};
template <class Tag>
struct std::hash<weir::Id128<Tag>> {
  size_t operator()(const weir::Id128<Tag>& id) const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
};
