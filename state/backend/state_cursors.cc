#include <stdexcept>

#include <weir/state/list_state.h>
#include <weir/state/map_state.h>

namespace weir::internal {
namespace {

[[noreturn]] void ThrowChanged(KeyedStateStore& store, uint32_t column) {
  throw std::logic_error("state \"" + store.layout().columns[column].name + "\" was changed while it was iterated over");
}

}  // namespace

ListCursor::ListCursor(KeyedStateStore& store, uint32_t column)
    : store_(&store), column_(column), cell_(static_cast<ListCell*>(store.FindCell(column))) {
  if (cell_ == nullptr) return;
  first_cell_ = cell_;
  version_ = cell_->marks().version;
  const TtlSettings& ttl = store.layout().columns[column].ttl;
  if (ttl.on()) expired_until_ms_ = ttl.ExpiredUntil(store.NowMs());
  OpenChunk();
}

// The next one with elements, or the end.
void ListCursor::OpenChunk() {
  for (; chunk_ < cell_->chunks().size(); ++chunk_) {
    const ListCell::Chunk& chunk = cell_->chunks()[chunk_];
    left_ = chunk.count;
    reader_ = ByteReader(chunk.bytes);
    if (left_ != 0) return;
  }
  cell_ = nullptr;
}

bool ListCursor::BeginElement() {
  const TtlSettings& ttl = store_->layout().columns[column_].ttl;
  if (!ttl.on()) return false;
  const bool expired = reader_.Get<int64_t>() <= expired_until_ms_;
  some_alive_ = some_alive_ || !expired;
  return expired && !ttl.return_expired;
}

void ListCursor::End() {
  if (first_cell_ == nullptr || some_alive_ || !store_->layout().columns[column_].ttl.on()) return;
  // Unless it was changed on the way.
  if (store_->FindCell(column_) == first_cell_ && first_cell_->marks().version == version_) store_->ClearCell(column_);
  first_cell_ = nullptr;
}

void ListCursor::Advance(bool decoded) {
  if (!decoded) throw std::runtime_error("an element of state \"" + store_->layout().columns[column_].name + "\" does not decode: its Serde is wrong");
  if (--left_ != 0) return;
  ++chunk_;
  OpenChunk();
}

void ListCursor::CheckUnchanged() const {
  if (cell_ == nullptr) return;
  if (store_->FindCell(column_) != cell_ || cell_->marks().version != version_) ThrowChanged(*store_, column_);
}

MapCursor::MapCursor(KeyedStateStore& store, uint32_t column)
    : store_(&store), column_(column), cell_(static_cast<MapCell*>(store.FindCell(column))) {
  if (cell_ == nullptr) return;
  version_ = cell_->marks().version;
  timed_ = store.layout().columns[column].ttl.on();
  unit_ = cell_->FirstEntry();
  if (timed_) PassExpired();
}

void MapCursor::PassExpired() {
  const TtlSettings& ttl = store_->layout().columns[column_].ttl;
  const int64_t expired_until_ms = ttl.ExpiredUntil(store_->NowMs());
  while (unit_.bits != nullptr) {
    if (cell_->LastAccessOf(unit_) > expired_until_ms) {
      if (ttl.update_on_read) ProlongEntry(*store_, column_, unit_);
      return;
    }
    if (ttl.return_expired) return;
    const CellUnit expired = unit_;
    unit_ = cell_->size() > 1 ? cell_->NextEntry(expired) : CellUnit();
    store_->RemoveEntry(column_, *cell_, expired);
  }
}

void MapCursor::Next() {
  StateCell* const current = store_->FindCell(column_);
  if (current == nullptr) {
    unit_ = {};  // Its last entry was removed.
    return;
  }
  if (current != cell_ || cell_->marks().version != version_) ThrowChanged(*store_, column_);
  unit_ = cell_->NextEntry(unit_);
  if (timed_) PassExpired();
}

void ProlongEntry(KeyedStateStore& store, uint32_t column, const CellUnit& unit) {
  MapCell& cell = static_cast<MapCell&>(store.CellForWrite(column));
  store.BeginUnitWrite(column, cell, unit);
  cell.LastAccessOf(unit) = store.NowMs();
}

void ProlongList(KeyedStateStore& store, uint32_t column) {
  const ListCell* const cell = static_cast<ListCell*>(store.FindCell(column));
  if (cell == nullptr) return;
  const StateColumn& state = store.layout().columns[column];
  const int64_t now_ms = store.NowMs();
  std::unique_ptr<StateCell> made = state.make_cell();
  cell->CopyProlonged(static_cast<ListCell&>(*made), state.ttl.ExpiredUntil(now_ms), now_ms, state.ttl.return_expired);
  if (made->empty()) {
    store.ClearCell(column);
  } else {
    store.ReplaceList(column, std::move(made));
  }
}

}  // namespace weir::internal
