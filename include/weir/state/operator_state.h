// Operator state: lists and broadcast maps of one subtask of an operator, whatever the key.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/schema.h>
#include <weir/core/serde.h>
#include <weir/core/type_info.h>
#include <weir/engine/operator.h>

namespace weir {

// Names a broadcast state, and says what it maps.
template <class K, class V>
class MapStateDescriptor {
 public:
  explicit MapStateDescriptor(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

namespace internal {

// What the store needs of a state, whatever its type.
class OperatorStateEntry {
 public:
  virtual ~OperatorStateEntry() = default;
  virtual std::string SchemaText() const = 0;
  virtual void Complete(Schema& schema) const = 0;  // CompleteSchema of that.
  virtual void Save(std::string_view name, OperatorStateSink& sink) const = 0;
  // Of one restored item. False when it does not decode.
  virtual bool Restore(std::string_view item) = 0;
};

template <class T>
struct OperatorList final : OperatorStateEntry {
  std::string SchemaText() const override { return SchemaOf<T>(); }
  void Complete(Schema& schema) const override { CompleteSchema<T>(schema); }
  void Save(std::string_view name, OperatorStateSink& sink) const override {
    ByteWriter encoded;
    for (const T& item : items) {
      encoded.Clear();
      Serde<T>::Encode(item, encoded);
      sink.Add(name, encoded.view());
    }
  }
  bool Restore(std::string_view item) override {
    ByteReader in(item);
    T value{};
    if (!Serde<T>::Decode(in, value) || !in.AtEnd()) return false;
    items.push_back(std::move(value));
    return true;
  }
  std::vector<T> items;
};

template <class K, class V>
struct BroadcastMap final : OperatorStateEntry {
  std::string SchemaText() const override { return SchemaOf<std::map<K, V>>(); }
  void Complete(Schema& schema) const override { CompleteSchema<std::map<K, V>>(schema); }
  void Save(std::string_view name, OperatorStateSink& sink) const override {
    ByteWriter encoded;
    for (const auto& [key, value] : entries) {
      encoded.Clear();
      Serde<K>::Encode(key, encoded);
      Serde<V>::Encode(value, encoded);
      sink.Add(name, encoded.view());
    }
  }
  bool Restore(std::string_view item) override {
    ByteReader in(item);
    K key{};
    V value{};
    if (!Serde<K>::Decode(in, key) || !Serde<V>::Decode(in, value) || !in.AtEnd()) return false;
    entries.insert_or_assign(std::move(key), std::move(value));
    return true;
  }
  std::map<K, V> entries;
};

}  // namespace internal

// A list whose items are dealt out anew when the parallelism changes. A handle: copies speak of the same list. Thread: task.
template <class T>
class OperatorListState {
 public:
  OperatorListState() = default;  // Of no use until it is assigned.
  explicit OperatorListState(std::shared_ptr<internal::OperatorList<T>> list) : list_(std::move(list)) {}

  // In the order of their addition. Valid until the list is changed.
  const std::vector<T>& Get() const { return list_->items; }
  void Add(T item) { list_->items.push_back(std::move(item)); }
  template <std::ranges::input_range Items>
  void AddAll(const Items& items) {
    std::vector<T> added(std::ranges::begin(items), std::ranges::end(items));  // `items` may be this list.
    list_->items.insert(list_->items.end(), std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  }
  // Instead of what is there.
  void Update(std::vector<T> items) { list_->items = std::move(items); }
  void Clear() { list_->items.clear(); }

 private:
  std::shared_ptr<internal::OperatorList<T>> list_;
};

// A map that every subtask holds in full, as those see it who must not change it. Entries are visited by ascending key.
template <class K, class V>
class ReadOnlyBroadcastState {
 public:
  explicit ReadOnlyBroadcastState(std::shared_ptr<internal::BroadcastMap<K, V>> map) : map_(std::move(map)) {}

  std::optional<V> Get(const K& key) const {
    const V* const value = Peek(key);
    return value != nullptr ? std::optional<V>(*value) : std::nullopt;
  }
  // The same without a copy; valid until the map is changed.
  const V* Peek(const K& key) const {
    const auto found = map_->entries.find(key);
    return found != map_->entries.end() ? &found->second : nullptr;
  }
  bool Contains(const K& key) const { return map_->entries.contains(key); }
  const std::map<K, V>& Entries() const { return map_->entries; }

 protected:
  std::shared_ptr<internal::BroadcastMap<K, V>> map_;
};

// What changes it must not depend on the order of records, which differs between subtasks.
template <class K, class V>
class BroadcastState final : public ReadOnlyBroadcastState<K, V> {
 public:
  using ReadOnlyBroadcastState<K, V>::ReadOnlyBroadcastState;

  void Put(const K& key, V value) { this->map_->entries.insert_or_assign(key, std::move(value)); }
  template <std::ranges::input_range Entries>
  void PutAll(const Entries& entries) {
    for (const auto& [key, value] : entries) Put(key, value);
  }
  void Remove(const K& key) { this->map_->entries.erase(key); }
  void Clear() { this->map_->entries.clear(); }
};

// The states of one operator in one subtask, by name; lists and broadcast maps share the names. Asked again for a name it
// yields the same state; std::logic_error when it is of another kind or type, or the name is empty. What was restored and
// nobody asks for stays in every later snapshot. Thread: task.
class OperatorStateStore {
 public:
  using Mode = OperatorStateSink::Mode;

  // Takes what was restored.
  explicit OperatorStateStore(std::vector<RestoredOperatorState> restored = {});
  ~OperatorStateStore();

  // When the parallelism changes, the items of all subtasks are dealt out evenly.
  template <class T>
  OperatorListState<T> GetListState(const std::string& name) {
    return OperatorListState<T>(Get<internal::OperatorList<T>>(name, Mode::kEvenSplit));
  }
  // After every restore each subtask has the items of all, in the order of the old subtasks: it must choose its own.
  template <class T>
  OperatorListState<T> GetUnionListState(const std::string& name) {
    return OperatorListState<T>(Get<internal::OperatorList<T>>(name, Mode::kUnion));
  }
  // Each subtask has it in full, and writes it.
  template <class K, class V>
  BroadcastState<K, V> GetBroadcastState(const MapStateDescriptor<K, V>& descriptor) {
    return BroadcastState<K, V>(Get<internal::BroadcastMap<K, V>>(descriptor.name(), Mode::kBroadcast));
  }
  // Also those that were restored and not asked for. Ascending.
  std::vector<std::string> RegisteredStateNames() const;
  std::vector<std::string> RegisteredBroadcastStateNames() const;

  // A state of that name and type that was asked for before; null otherwise.
  template <class Entry>
  std::shared_ptr<Entry> Find(const std::string& name) const {
    const auto found = states_.find(name);
    return found != states_.end() ? std::dynamic_pointer_cast<Entry>(found->second.entry) : nullptr;
  }
  void Save(OperatorStateSink& sink) const;

 private:
  struct State {
    Mode mode = Mode::kEvenSplit;
    std::shared_ptr<internal::OperatorStateEntry> entry;  // Null while nobody has asked for it.
    std::string schema;                                   // Of `items`.
    std::vector<std::string> items;                       // Restored, until somebody asks.
  };

  template <class Entry>
  std::shared_ptr<Entry> Get(const std::string& name, Mode mode) {
    State& state = StateFor(name, mode);
    if (state.entry == nullptr) Bind(name, state, std::make_shared<Entry>());
    std::shared_ptr<Entry> entry = std::dynamic_pointer_cast<Entry>(state.entry);
    if (entry == nullptr) ThrowOtherType(name, state);
    return entry;
  }
  State& StateFor(const std::string& name, Mode mode);
  // Decodes what was restored into it, after a migration where its schema has changed.
  void Bind(const std::string& name, State& state, std::shared_ptr<internal::OperatorStateEntry> entry);
  [[noreturn]] static void ThrowOtherType(const std::string& name, const State& state);
  std::vector<std::string> NamesOf(bool broadcast) const;

  std::map<std::string, State> states_;
};

}  // namespace weir
