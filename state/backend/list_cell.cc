#include <weir/state/list_cell.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "state/backend/raw_room.h"

namespace weir {
namespace {

constexpr size_t kCountBytesMax = 10;
constexpr size_t kSmallBytesMax = 1'024;
constexpr size_t kNumberBytes = 4;
constexpr size_t kChunksPerDestroyMax = 64;

// Big-endian: chunks of a list sort by their number.
void PutNumber(uint32_t number, ByteWriter& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.Put(static_cast<uint8_t>(number >> shift));
}

uint32_t NumberOf(std::string_view name_space) {
  uint32_t number = 0;
  for (const char byte : name_space) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

// Calls visit(element) for each of `count` encoded elements. False when `bytes` are not those and nothing else.
template <class Visit>
bool ForEachElement(const TypeInfo& type, uint64_t count, std::string_view bytes, Visit&& visit) {
  RawRoom room(type.size_bytes, type.alignment);
  ByteReader reader(bytes);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t begin = reader.offset();
    if (!type.decode(room.begin(), 1, reader)) return false;
    type.destroy(room.begin(), 1);
    visit(bytes.substr(begin, reader.offset() - begin));
  }
  return reader.AtEnd();
}

int64_t LastAccessOf(std::string_view element) {
  int64_t last_access_ms;
  std::memcpy(&last_access_ms, element.data(), sizeof(last_access_ms));
  return last_access_ms;
}

}  // namespace

CellUnit ListCell::LastFor(size_t size_bytes) {
  if (chunks_.empty()) return {};
  Chunk& last = chunks_.back();
  // The number of elements is bounded too: some take no bytes.
  const bool fits = last.bytes.size() + size_bytes + kCountBytesMax <= kChunkBytesMax && last.count < kChunkBytesMax;
  return fits ? CellUnit{nullptr, static_cast<uint32_t>(chunks_.size() - 1), &last.bits} : CellUnit{};
}

CellUnit ListCell::AddChunk() {
  // It grew by doubling, and will not grow any more.
  if (!chunks_.empty()) chunks_.back().bytes.shrink_to_fit();
  const uint32_t number = static_cast<uint32_t>(chunks_.size());
  chunks_.emplace_back().number = number;
  return {nullptr, number, &chunks_.back().bits};
}

void ListCell::Append(std::string_view element) {
  Chunk& last = chunks_.back();
  last.bytes.append(element);
  ++last.count;
  NoteAccess(element);
}

void ListCell::NoteAccess(std::string_view element) {
  if (timed_) last_access_ms_ = std::max(last_access_ms_, LastAccessOf(element));
}

uint32_t ListCell::CopyAlive(const Chunk& chunk, int64_t expired_until_ms, ByteWriter& out) const {
  uint32_t count = 0;
  out.Clear();
  CHECK(ForEachElement(element_, chunk.count, chunk.bytes, [&](std::string_view element) {
    if (LastAccessOf(element) <= expired_until_ms) return;
    out.PutRaw(element.data(), element.size());
    ++count;
  }));
  return count;
}

void ListCell::AppendUnmarked(std::string_view element) {
  if (LastFor(element.size()).bits == nullptr) AddChunk();
  Append(element);
}

void ListCell::MarkAll(uint16_t bits) {
  for (Chunk& chunk : chunks_) chunk.bits = bits;
}

void ListCell::CopyProlonged(ListCell& target, int64_t expired_until_ms, int64_t now_ms, bool keep_expired) const {
  std::string prolonged;
  for (const Chunk& chunk : chunks_) {
    CHECK(ForEachElement(element_, chunk.count, chunk.bytes, [&](std::string_view element) {
      const bool expired = LastAccessOf(element) <= expired_until_ms;
      if (expired && !keep_expired) return;
      prolonged = element;
      if (!expired) std::memcpy(prolonged.data(), &now_ms, sizeof(now_ms));
      target.AppendUnmarked(prolonged);
    }));
  }
}

bool ListCell::large() const { return chunks_.size() > 1 || (!chunks_.empty() && chunks_[0].bytes.size() > kSmallBytesMax); }

void ListCell::WriteUnit(const CellUnit& unit, UnitWriter& out) const {
  const Chunk& chunk = chunks_[unit.index];
  ByteWriter& name_space = out.buffers().name_space;
  name_space.Clear();
  PutNumber(chunk.number, name_space);
  std::string_view elements = chunk.bytes;
  uint32_t count = chunk.count;
  ByteWriter alive;
  if (out.expired_until_ms() != UnitWriter::kNothingExpires) {
    // An empty chunk keeps the place of its number: later deltas may add to the list.
    count = CopyAlive(chunk, out.expired_until_ms(), alive);
    elements = alive.view();
  }
  ByteWriter& value = out.buffers().value;
  value.Clear();
  value.PutVarint(count);
  value.PutRaw(elements.data(), elements.size());
  out.Write(name_space.view(), value.view());
}

bool ListCell::Pass(CellPosition& at, const SnapshotMarks& marks, UnitWriter& out, size_t& work_left) {
  for (; at.index < chunks_.size(); ++at.index) {
    if (work_left == 0) return false;
    const size_t before = out.size_bytes();
    Chunk& chunk = chunks_[at.index];
    if (marks.NeedWriting(chunk.bits)) WriteUnit({nullptr, at.index, &chunk.bits}, out);
    chunk.bits = marks.Passed(chunk.bits);
    work_left -= std::min(work_left, 1 + out.size_bytes() - before);
  }
  return true;
}

bool ListCell::DestroySome() {
  chunks_.resize(chunks_.size() - std::min(chunks_.size(), kChunksPerDestroyMax));
  return chunks_.empty();
}

Status ListCell::Restore(std::string_view name_space, std::string_view value) {
  ByteReader reader(value);
  const uint64_t count = reader.GetVarint();
  const std::string_view elements = value.substr(reader.offset());
  if (name_space.size() != kNumberBytes || !reader.ok() || (count == 0 && !timed_) || count > kChunkBytesMax ||
      !ForEachElement(element_, count, elements, [this](std::string_view element) { NoteAccess(element); })) {
    return Corruption("part of a list in a snapshot does not decode");
  }
  Chunk restored{std::string(elements), static_cast<uint32_t>(count), NumberOf(name_space), 0};
  const auto place = std::lower_bound(chunks_.begin(), chunks_.end(), restored.number,
                                      [](const Chunk& chunk, uint32_t number) { return chunk.number < number; });
  if (place != chunks_.end() && place->number == restored.number) {
    *place = std::move(restored);
  } else {
    chunks_.insert(place, std::move(restored));
  }
  return Status::Ok();
}

Status ListCell::RestoreRemoved(std::string_view) { return Corruption("a snapshot removes a part of a list"); }

}  // namespace weir
