#include "state/checkpoint/chain_record.h"

#include <weir/core/bytes.h>

#include "base/envelope.h"
#include "base/status_macros.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRCHAN";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kSection = 1;
enum class Kind : uint8_t { kTakeover = 1, kCheckpoint = 2, kTerminal = 3 };

void PutEntry(ByteWriter& out, const TakeoverEntry&) { out.Put(Kind::kTakeover); }

void PutEntry(ByteWriter& out, const CheckpointEntry& entry) {
  out.Put(Kind::kCheckpoint);
  out.Put(entry.id.value);
  out.Put(entry.attempt.epoch.value);
  out.Put(entry.attempt.restart);
  out.PutString(entry.metadata_path);
  out.Put(entry.metadata_checksum);
}

void PutEntry(ByteWriter& out, const TerminalEntry& entry) {
  out.Put(Kind::kTerminal);
  out.Put(entry.state);
  out.PutString(entry.reason);
}

ChainEntry GetEntry(ByteReader& in) {
  switch (in.Get<Kind>()) {
    case Kind::kTakeover: return TakeoverEntry{};
    case Kind::kCheckpoint: {
      CheckpointEntry entry;
      entry.id.value = in.Get<uint64_t>();
      entry.attempt.epoch.value = in.Get<uint64_t>();
      entry.attempt.restart = in.Get<uint32_t>();
      entry.metadata_path = in.GetString();
      entry.metadata_checksum = in.Get<uint64_t>();
      if (entry.metadata_path.empty() || entry.id.value == 0) in.Fail();
      return entry;
    }
    case Kind::kTerminal: {
      TerminalEntry entry;
      entry.state = in.Get<TerminalEntry::State>();
      if (entry.state < TerminalEntry::State::kFinished || entry.state > TerminalEntry::State::kFailed) in.Fail();
      entry.reason = in.GetString();
      return entry;
    }
  }
  in.Fail();
  return TakeoverEntry{};
}

}  // namespace

std::string ChainRecord::Encode() const {
  ByteWriter out;
  out.Put(slot.value);
  out.Put(epoch.value);
  out.Put(parent_checksum);
  std::visit([&out](const auto& concrete) { PutEntry(out, concrete); }, entry);
  EnvelopeWriter envelope(kMagic, kVersion);
  envelope.AddSection(kSection, out.view());
  return envelope.Finish();
}

StatusOr<ChainRecord> ChainRecord::Decode(std::string_view bytes) {
  ASSIGN_OR_RETURN(const EnvelopeReader envelope, EnvelopeReader::Open(bytes, kMagic, kVersion, "chain record"));
  ASSIGN_OR_RETURN(const std::string_view payload, envelope.Section(kSection));
  ByteReader in(payload);
  ChainRecord record;
  record.slot.value = in.Get<uint64_t>();
  record.epoch.value = in.Get<uint64_t>();
  record.parent_checksum = in.Get<uint64_t>();
  record.entry = GetEntry(in);
  if (!in.ok() || !in.AtEnd() || record.slot.value == 0) return Corruption("chain record does not decode");
  return record;
}

}  // namespace weir
