// MapState<K, V>: a map per key of the stream.
#pragma once

#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>

#include <weir/state/map_cell.h>
#include <weir/state/state_handle.h>

namespace weir {

namespace internal {

// Entries one after the other. The one that it stands on may be removed, and values may be put for keys that are there;
// std::logic_error once another key was put. Expired entries are removed on the way, unless reads may see them: then they
// stay until something else removes them.
class MapCursor {
 public:
  MapCursor() = default;
  MapCursor(KeyedStateStore& store, uint32_t column);

  bool AtEnd() const { return unit_.bits == nullptr; }
  const std::byte* key() const { return cell_->RowOf(unit_); }
  const void* value() const { return cell_->ValueOf(unit_); }
  bool timed() const { return timed_; }
  void Next();

 private:
  void PassExpired();

  KeyedStateStore* store_ = nullptr;
  uint32_t column_ = 0;
  MapCell* cell_ = nullptr;
  uint32_t version_ = 0;
  bool timed_ = false;  // Values are Timed.
  CellUnit unit_;
};

// An entry of the current key's map is accessed now.
void ProlongEntry(KeyedStateStore& store, uint32_t column, const CellUnit& unit);

}  // namespace internal

// A value may be a std::optional: then an entry can hold nothing and still be there.
template <class K, class V>
class MapState final : public StateHandle {
 public:
  struct Entry {
    const K& key;
    const V& value;
  };
  template <class Projection>
  class Range {
   public:
    class Iterator {
     public:
      using value_type = std::remove_cvref_t<std::invoke_result_t<Projection, const K&, const V&>>;
      using difference_type = std::ptrdiff_t;
      using iterator_concept = std::input_iterator_tag;

      Iterator() = default;
      explicit Iterator(internal::MapCursor cursor) : cursor_(cursor) {}
      decltype(auto) operator*() const {
        const V* const value = cursor_.timed() ? &static_cast<const Timed<V>*>(cursor_.value())->value : static_cast<const V*>(cursor_.value());
        return Projection()(*reinterpret_cast<const K*>(cursor_.key()), *value);
      }
      Iterator& operator++() { return cursor_.Next(), *this; }
      void operator++(int) { ++*this; }
      bool operator==(std::default_sentinel_t) const { return cursor_.AtEnd(); }

     private:
      internal::MapCursor cursor_;
    };
    explicit Range(internal::MapCursor first) : first_(first) {}
    Iterator begin() const { return Iterator(first_); }
    std::default_sentinel_t end() const { return {}; }

   private:
    internal::MapCursor first_;
  };

  explicit MapState(StateName name)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &CellPointerType(),
                     .kind = "map",
                     .schema_of = &SchemaOf<std::map<K, V>>,
                     .make_cell = []() -> std::unique_ptr<StateCell> { return std::make_unique<MapCell>(EntryLayout<V>()); },
                     .complete_schema = &CompleteSchema<std::map<K, V>>}) {}
  MapState(StateName name, const StateTtlConfig& ttl)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &CellPointerType(),
                     .kind = "map",
                     .schema_of = &SchemaOf<std::map<K, V>>,
                     .make_cell = []() -> std::unique_ptr<StateCell> { return std::make_unique<MapCell>(EntryLayout<Timed<V>>()); },
                     .ttl = ttl.settings(),
                     .complete_schema = &CompleteSchema<std::map<K, V>>}) {}
  MapState(const MapState&) = default;

  std::optional<V> Get(const K& key) const {
    const V* const value = Peek(key);
    return value != nullptr ? std::optional<V>(*value) : std::nullopt;
  }
  // The same without a copy. Valid until the next call on any state of this function.
  const V* Peek(const K& key) const {
    if (has_ttl()) return PeekTimed(key);
    MapCell* const cell = Cell();
    if (cell == nullptr) return nullptr;
    const CellUnit unit = cell->Find(key);
    return unit.bits != nullptr ? static_cast<const V*>(cell->ValueOf(unit)) : nullptr;
  }
  bool Contains(const K& key) const { return Peek(key) != nullptr; }
  // Expired entries that are still there count.
  bool IsEmpty() const { return Cell() == nullptr; }
  void Put(const K& key, V value) {
    RequireKey();
    if (has_ttl()) {
      store_->CleanUpOnAccess(column_);
      PutStored<Timed<V>>(key, Timed<V>(store_->NowMs(), std::move(value)));
    } else {
      PutStored<V>(key, std::move(value));
    }
  }
  // Pairs of key and value, of a std::map for example.
  template <std::ranges::input_range Entries>
  void PutAll(const Entries& entries) {
    for (const auto& [key, value] : entries) Put(key, value);
  }
  // Nothing when the key is not there. The state is gone with its last entry.
  void Remove(const K& key) {
    MapCell* const cell = Cell();
    if (cell == nullptr) return;
    if (const CellUnit unit = cell->Find(key); unit.bits != nullptr) store_->RemoveEntry(column_, *cell, unit);
  }
  void Clear() {
    RequireKey();
    store_->ClearCell(column_);
  }

  // ---- All entries, in no order. Meanwhile the entry that is visited may be removed, and values of keys that are there
  // be replaced; std::logic_error when another key was put ----
  auto Entries() const { return Range<ToEntry>(First()); }
  auto Keys() const { return Range<ToKey>(First()); }
  auto Values() const { return Range<ToValue>(First()); }
  auto begin() const { return Entries().begin(); }
  std::default_sentinel_t end() const { return {}; }

 private:
  struct ToEntry {
    Entry operator()(const K& key, const V& value) const { return {key, value}; }
  };
  struct ToKey {
    const K& operator()(const K& key, const V&) const { return key; }
  };
  struct ToValue {
    const V& operator()(const K&, const V& value) const { return value; }
  };

  template <class Stored>
  static const RowLayout& EntryLayout() {
    static const RowLayout kLayout = RowLayout::For(KeyOpsOf<K>(), {{.name = "value", .type = &TypeOf<Stored>()}});
    return kLayout;
  }
  template <class Stored>
  void PutStored(const K& key, Stored value) {
    MapCell& cell = static_cast<MapCell&>(store_->CellForWrite(column_));
    CellUnit unit = cell.Find(key);
    if (unit.bits != nullptr) {
      store_->BeginUnitWrite(column_, cell, unit);
      *static_cast<Stored*>(cell.ValueOf(unit)) = std::move(value);
    } else {
      unit = store_->InsertEntry(column_, cell, &key);
      std::construct_at(reinterpret_cast<K*>(cell.RowOf(unit)), key);
      std::construct_at(static_cast<Stored*>(cell.ValueOf(unit)), std::move(value));
    }
  }
  // What has expired is removed; if it may be seen once more, it is kept aside.
  const V* PeekTimed(const K& key) const {
    RequireKey();
    store_->CleanUpOnAccess(column_);
    MapCell* const cell = Cell();
    const CellUnit unit = cell != nullptr ? cell->Find(key) : CellUnit();
    if (unit.bits == nullptr) return nullptr;
    const Timed<V>& timed = *static_cast<const Timed<V>*>(cell->ValueOf(unit));
    if (timed.last_access_ms > declaration_.ttl.ExpiredUntil(store_->NowMs())) {
      if (declaration_.ttl.update_on_read) internal::ProlongEntry(*store_, column_, unit);
      return &timed.value;
    }
    if (declaration_.ttl.return_expired) expired_ = timed.value;
    store_->RemoveEntry(column_, *cell, unit);
    return declaration_.ttl.return_expired ? &*expired_ : nullptr;
  }
  MapCell* Cell() const {
    StateCell* const cell = store_->FindCell(column_);
    if (cell == nullptr) RequireKey();
    return static_cast<MapCell*>(cell);
  }
  internal::MapCursor First() const {
    RequireKey();
    if (has_ttl()) [[unlikely]] store_->CleanUpOnAccess(column_);
    return internal::MapCursor(*store_, column_);
  }

  mutable std::optional<V> expired_;  // Seen once more.
};

}  // namespace weir
