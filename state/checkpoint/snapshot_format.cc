#include "state/checkpoint/snapshot_format.h"

#include "base/checksum.h"

namespace weir {
namespace {

constexpr uint64_t kStateEntryBytesMin = 4;
constexpr uint32_t kMaxParallelismMax = 32'768;

}  // namespace

std::string SnapshotHeader::Encode() const {
  ByteWriter payload;
  payload.PutString(hash_name);
  payload.Put(max_parallelism);
  payload.Put(key_groups.start);
  payload.Put(key_groups.end);
  payload.PutString(key_schema);
  payload.PutVarint(states.size());
  for (const SnapshotState& state : states) {
    payload.PutString(state.name);
    payload.PutString(state.kind);
    payload.PutString(state.schema);
    payload.PutString(state.options);
  }
  ByteWriter out;
  out.PutRaw(kSnapshotMagic.data(), kSnapshotMagic.size());
  out.Put(kSnapshotVersion);
  out.Put(static_cast<uint32_t>(payload.size()));
  out.PutRaw(payload.view().data(), payload.size());
  out.Put(Checksum64(out.view()));
  return out.Take();
}

StatusOr<SnapshotHeader> SnapshotHeader::Decode(std::string_view file, size_t* size_bytes) {
  ByteReader in(file);
  if (in.GetRaw(kSnapshotMagic.size()) != kSnapshotMagic) {
    return Corruption("keyed snapshot is damaged: expected its magic, offset=0");
  }
  const uint32_t version = in.Get<uint32_t>();
  const std::string_view payload = in.GetRaw(in.Get<uint32_t>());
  const std::string_view covered = file.substr(0, in.offset());
  const uint64_t checksum = in.Get<uint64_t>();
  if (!in.ok() || checksum != Checksum64(covered)) {
    return Corruption("keyed snapshot is damaged: expected an undamaged header, offset=8");
  }
  if (version != kSnapshotVersion) {
    return FailedPrecondition("keyed snapshot has an unknown version, version=" + std::to_string(version));
  }
  *size_bytes = in.offset();
  SnapshotHeader header;
  ByteReader fields(payload);
  header.hash_name = fields.GetString();
  header.max_parallelism = fields.Get<uint32_t>();
  header.key_groups.start = fields.Get<uint32_t>();
  header.key_groups.end = fields.Get<uint32_t>();
  header.key_schema = fields.GetString();
  header.states.resize(fields.GetCount(kStateEntryBytesMin));
  for (SnapshotState& state : header.states) {
    state.name = fields.GetString();
    state.kind = fields.GetString();
    state.schema = fields.GetString();
    state.options = fields.GetString();
  }
  if (!fields.ok() || !fields.AtEnd()) return Corruption("keyed snapshot is damaged: header does not decode");
  if (header.max_parallelism < 1 || header.max_parallelism > kMaxParallelismMax ||
      (!header.key_groups.empty() && header.key_groups.end >= header.max_parallelism)) {
    return Corruption("keyed snapshot is damaged: key groups out of bounds");
  }
  return header;
}

}  // namespace weir
