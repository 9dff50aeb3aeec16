// ListState<T>: any number of elements per key, in the order in which they were added.
#pragma once

#include <concepts>
#include <iterator>
#include <memory>
#include <ranges>
#include <string>
#include <utility>

#include <weir/state/list_cell.h>
#include <weir/state/state_handle.h>

namespace weir {

namespace internal {

// Elements lie encoded, chunk by chunk. Throws std::logic_error when the list changed since the iteration began.
class ListCursor {
 public:
  ListCursor() = default;
  ListCursor(KeyedStateStore& store, uint32_t column);

  bool AtEnd() const { return cell_ == nullptr; }
  // Of the current chunk, from the element to read on. Requires: not at the end.
  ByteReader& reader() { return reader_; }
  // Before the element is read from the reader: whether it has expired and must not be seen.
  bool BeginElement();
  // The element was read from the reader: `decoded` tells whether it could be.
  void Advance(bool decoded);
  // At the end: clears the list when all of it has expired.
  void End();
  // What comes next is an element or the end.
  void CheckUnchanged() const;

 private:
  void OpenChunk();

  KeyedStateStore* store_ = nullptr;
  uint32_t column_ = 0;
  ListCell* cell_ = nullptr;  // Null at the end.
  uint32_t version_ = 0;
  uint32_t chunk_ = 0;
  uint32_t left_ = 0;  // Elements in the chunk, from the reader's on.
  ListCell* first_cell_ = nullptr;
  int64_t expired_until_ms_ = 0;
  bool some_alive_ = false;
  ByteReader reader_{{}};
};

// Writes the elements anew that have not expired, as accessed now; those that have are left out, or stay as they are where
// reads may see them.
void ProlongList(KeyedStateStore& store, uint32_t column);

}  // namespace internal

// Elements are kept encoded: adding one costs its encoding, however long the list is; reading decodes one at a time.
template <class T>
class ListState final : public StateHandle {
 public:
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    Iterator() = default;
    explicit Iterator(internal::ListCursor cursor) : cursor_(std::move(cursor)) { Decode(); }
    const T& operator*() const { return value_; }
    const T* operator->() const { return &value_; }
    Iterator& operator++() {
      cursor_.CheckUnchanged();
      Decode();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    void Decode() {
      while (!(at_end_ = cursor_.AtEnd())) {
        const bool skipped = cursor_.BeginElement();
        cursor_.Advance(Serde<T>::Decode(cursor_.reader(), value_));
        if (!skipped) return;
      }
      cursor_.End();
    }
    internal::ListCursor cursor_;
    bool at_end_ = true;
    T value_{};
  };
  // The elements of one key. Valid until the list changes: std::logic_error when it does while it is iterated over.
  class Elements {
   public:
    explicit Elements(const ListState& list) : list_(&list) {}
    Iterator begin() const { return Iterator(internal::ListCursor(*list_->store_, list_->column_)); }
    std::default_sentinel_t end() const { return {}; }

   private:
    const ListState* list_;
  };

  explicit ListState(StateName name)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &CellPointerType(),
                     .kind = "list",
                     .schema_of = &SchemaOf<std::vector<T>>,
                     .make_cell = []() -> std::unique_ptr<StateCell> { return std::make_unique<ListCell>(TypeOf<T>()); },
                     .complete_schema = &CompleteSchema<std::vector<T>>}) {}
  ListState(StateName name, const StateTtlConfig& ttl)
      : StateHandle(std::move(name),
                    {.name = {},
                     .type = &CellPointerType(),
                     .kind = "list",
                     .schema_of = &SchemaOf<std::vector<T>>,
                     .make_cell = []() -> std::unique_ptr<StateCell> { return std::make_unique<ListCell>(TypeOf<Timed<T>>(), /*timed=*/true); },
                     .ttl = ttl.settings(),
                     .complete_schema = &CompleteSchema<std::vector<T>>}) {}
  ListState(const ListState&) = default;

  // Empty when nothing was added. With a time-to-live that reads prolong it writes the list anew.
  Elements Get() const {
    RequireKey();
    if (has_ttl()) [[unlikely]] {
      store_->CleanUpOnAccess(column_);
      if (declaration_.ttl.update_on_read) internal::ProlongList(*store_, column_);
    }
    return Elements(*this);
  }
  // Expired elements that are still there count.
  bool IsEmpty() const {
    RequireKey();
    return !store_->HasValue(column_);
  }
  void Add(const T& element) {
    RequireKey();
    if (has_ttl()) [[unlikely]] store_->CleanUpOnAccess(column_);
    ByteWriter& bytes = store_->Scratch();
    store_->AppendElement(column_, Encoded(element, bytes));
  }
  // One after the other: an exception of the range leaves what came before it.
  template <std::ranges::input_range Range>
  void AddAll(const Range& elements) {
    for (const auto& element : elements) Add(element);
  }
  // Instead of all there is; nothing clears the state. An exception of the range leaves the list as it was. `elements` may
  // be those of this list.
  template <std::ranges::input_range Range>
  void Update(const Range& elements) {
    RequireKey();
    std::unique_ptr<StateCell> cell = declaration_.make_cell();
    ListCell* const made = static_cast<ListCell*>(cell.get());
    ByteWriter bytes;
    for (const auto& element : elements) {
      bytes.Clear();
      made->AppendUnmarked(Encoded(element, bytes));
    }
    if (made->empty()) {
      store_->ClearCell(column_);
    } else {
      store_->ReplaceList(column_, std::move(cell));
    }
  }
  void Update(std::initializer_list<T> elements) { Update(std::ranges::subrange(elements.begin(), elements.end())); }
  void Clear() {
    RequireKey();
    store_->ClearCell(column_);
  }

 private:
  std::string_view Encoded(const T& element, ByteWriter& bytes) const {
    if (has_ttl()) [[unlikely]] bytes.Put(store_->NowMs());
    if constexpr (EncodesAsItsImage<T>()) {
      if (!has_ttl()) return {reinterpret_cast<const char*>(&element), sizeof(T)};
    }
    Serde<T>::Encode(element, bytes);
    return bytes.view();
  }
};

}  // namespace weir
