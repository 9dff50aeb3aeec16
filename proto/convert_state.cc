#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/messages.pb.h"

namespace weir {
namespace {

constexpr uint32_t kKeyGroupsMax = 32'768;

proto::OperatorStateHandle ToProto(const OperatorStateHandle& handle) {
  proto::OperatorStateHandle message;
  for (const OperatorStatePartition& partition : handle.partitions) {
    proto::OperatorStatePartition& added = *message.add_partitions();
    added.set_name(partition.name);
    added.set_mode(static_cast<uint32_t>(partition.mode));
    added.set_schema(partition.schema);
    for (const OperatorStatePartition::Item& item : partition.items) {
      added.add_item_offsets(item.offset);
      added.add_item_sizes(item.size_bytes);
    }
  }
  *message.mutable_bytes() = weir::ToProto(handle.bytes);
  return message;
}

StatusOr<OperatorStatePartition> PartitionFromProto(const proto::OperatorStatePartition& message, uint64_t size_bytes) {
  OperatorStatePartition partition;
  partition.name = message.name();
  if (message.mode() > static_cast<uint32_t>(RedistributionMode::kBroadcast)) {
    return InvalidArgument("operator state has an unknown mode, mode=" + std::to_string(message.mode()));
  }
  partition.mode = static_cast<RedistributionMode>(message.mode());
  partition.schema = message.schema();
  if (message.item_offsets_size() != message.item_sizes_size()) return InvalidArgument("operator state has unequal counts of offsets and sizes");
  partition.items.reserve(static_cast<size_t>(message.item_offsets_size()));
  for (int i = 0; i < message.item_offsets_size(); ++i) {
    const OperatorStatePartition::Item item{message.item_offsets(i), message.item_sizes(i)};
    if (item.offset > size_bytes || item.size_bytes > size_bytes - item.offset) {
      return InvalidArgument("operator state has an item beyond its bytes, offset=" + std::to_string(item.offset));
    }
    partition.items.push_back(item);
  }
  return partition;
}

StatusOr<OperatorStateHandle> HandleFromProto(const proto::OperatorStateHandle& message) {
  OperatorStateHandle handle;
  ASSIGN_OR_RETURN(handle.bytes, FromProto(message.bytes()));
  for (const proto::OperatorStatePartition& partition : message.partitions()) {
    ASSIGN_OR_RETURN(OperatorStatePartition added, PartitionFromProto(partition, handle.bytes.size_bytes));
    handle.partitions.push_back(std::move(added));
  }
  return handle;
}

StatusOr<KeyedStateHandle> KeyedFromProto(const proto::KeyedStateHandle& message) {
  KeyedStateHandle handle;
  handle.key_groups = {message.key_group_start(), message.key_group_end()};
  if (!handle.key_groups.empty() && handle.key_groups.end >= kKeyGroupsMax) {
    return InvalidArgument("keyed state has key groups beyond the largest, end=" + std::to_string(handle.key_groups.end));
  }
  ASSIGN_OR_RETURN(handle.bytes, FromProto(message.bytes()));
  return handle;
}

StatusOr<OperatorSubtaskState> OperatorFromProto(const proto::OperatorSubtaskState& message) {
  OperatorSubtaskState state;
  ASSIGN_OR_RETURN(state.operator_id, OperatorIdFromBytes(message.operator_id()));
  for (const proto::KeyedStateHandle& keyed : message.keyed()) {
    ASSIGN_OR_RETURN(KeyedStateHandle handle, KeyedFromProto(keyed));
    state.keyed.push_back(std::move(handle));
  }
  for (const proto::OperatorStateHandle& part : message.operator_state()) {
    ASSIGN_OR_RETURN(OperatorStateHandle handle, HandleFromProto(part));
    state.operator_state.push_back(std::move(handle));
  }
  return state;
}

}  // namespace

proto::StateBytes ToProto(const StateBytes& bytes) {
  proto::StateBytes message;
  message.set_path(bytes.path);
  message.set_inline_bytes(bytes.inline_bytes);
  message.set_size_bytes(bytes.size_bytes);
  message.set_checksum(bytes.checksum);
  return message;
}

StatusOr<StateBytes> FromProto(const proto::StateBytes& message) {
  StateBytes bytes{message.path(), message.inline_bytes(), message.size_bytes(), message.checksum()};
  if (bytes.path.empty() && bytes.inline_bytes.size() != bytes.size_bytes) {
    return InvalidArgument("inline state has another size than it says, size=" + std::to_string(bytes.size_bytes));
  }
  if (!bytes.path.empty() && !bytes.inline_bytes.empty()) return InvalidArgument("state is both inline and in a file, path=" + bytes.path);
  if (!bytes.path.empty() && bytes.path.front() != '/') return InvalidArgument("state file has no absolute path, path=" + bytes.path);
  return bytes;
}

// The two enumerations have the same numbers.
proto::SavepointOrder ToProto(const SavepointOrder& order) {
  static_assert(static_cast<int>(SavepointFormat::kCanonical) == proto::SAVEPOINT_FORMAT_CANONICAL &&
                static_cast<int>(SavepointFormat::kNative) == proto::SAVEPOINT_FORMAT_NATIVE);
  proto::SavepointOrder message;
  message.set_format(static_cast<proto::SavepointFormat>(order.format));
  message.set_directory(order.directory);
  message.set_stops(order.stops);
  return message;
}

StatusOr<SavepointOrder> FromProto(const proto::SavepointOrder& message) {
  if (message.format() < proto::SAVEPOINT_FORMAT_CANONICAL || message.format() > proto::SAVEPOINT_FORMAT_NATIVE) {
    return InvalidArgument("savepoint has an unknown format, format=" + std::to_string(message.format()));
  }
  if (!message.directory().starts_with('/') || message.directory().size() > SavepointOrder::kDirectoryBytesMax) {
    return InvalidArgument("savepoint has no absolute directory of at most " + std::to_string(SavepointOrder::kDirectoryBytesMax) + " bytes");
  }
  return SavepointOrder{static_cast<SavepointFormat>(message.format()), message.directory(), message.stops()};
}

proto::TaskSnapshot ToProto(const TaskSnapshot& snapshot) {
  proto::TaskSnapshot message;
  message.set_drained(snapshot.drained);
  message.set_watermark(snapshot.watermark);
  for (const OperatorSubtaskState& state : snapshot.operators) {
    proto::OperatorSubtaskState& added = *message.add_operators();
    added.set_operator_id(IdBytes(state.operator_id));
    for (const KeyedStateHandle& handle : state.keyed) {
      proto::KeyedStateHandle& keyed = *added.add_keyed();
      keyed.set_key_group_start(handle.key_groups.start);
      keyed.set_key_group_end(handle.key_groups.end);
      *keyed.mutable_bytes() = ToProto(handle.bytes);
    }
    for (const OperatorStateHandle& handle : state.operator_state) *added.add_operator_state() = ToProto(handle);
  }
  return message;
}

StatusOr<TaskSnapshot> FromProto(const proto::TaskSnapshot& message) {
  TaskSnapshot snapshot;
  snapshot.drained = message.drained();
  snapshot.watermark = message.watermark();
  for (const proto::OperatorSubtaskState& part : message.operators()) {
    ASSIGN_OR_RETURN(OperatorSubtaskState state, OperatorFromProto(part));
    snapshot.operators.push_back(std::move(state));
  }
  return snapshot;
}

}  // namespace weir
