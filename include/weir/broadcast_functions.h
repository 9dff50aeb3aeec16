// The broadcast pattern: a stream of elements, and one of broadcast elements that every subtask gets.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/functions.h>
#include <weir/state/operator_state.h>

namespace weir {

namespace internal {

// The broadcast states of one operator, those that were given to Broadcast(...). Thread: task.
class BroadcastStates {
 public:
  template <class K, class V>
  std::shared_ptr<BroadcastMap<K, V>> Find(const MapStateDescriptor<K, V>& descriptor) const {
    std::shared_ptr<BroadcastMap<K, V>> found = store_->Find<BroadcastMap<K, V>>(descriptor.name());
    if (found == nullptr) ThrowUnknown(descriptor.name());
    return found;
  }
  void Bind(OperatorStateStore& store) { store_ = &store; }

 private:
  [[noreturn]] static void ThrowUnknown(const std::string& name);

  OperatorStateStore* store_ = nullptr;
};

}  // namespace internal

// Adds to a context the broadcast states as the side of the elements sees them.
template <class Base>
class ReadOnlyBroadcastContext : public Base {
 public:
  // std::logic_error when the descriptor was not given to Broadcast(...), or is of another type.
  template <class K, class V>
  ReadOnlyBroadcastState<K, V> GetBroadcastState(const MapStateDescriptor<K, V>& descriptor) const {
    return ReadOnlyBroadcastState<K, V>(states_->Find(descriptor));
  }

  // ---- For the engine ----
  void BindStates(const internal::BroadcastStates& states) { states_ = &states; }

 protected:
  const internal::BroadcastStates* states_ = nullptr;
};

// And as the broadcast side sees them, which alone may change them.
class BroadcastContext : public ReadOnlyBroadcastContext<ProcessContext> {
 public:
  template <class K, class V>
  BroadcastState<K, V> GetBroadcastState(const MapStateDescriptor<K, V>& descriptor) const {
    return BroadcastState<K, V>(states_->Find(descriptor));
  }
};

template <class K>
class KeyedBroadcastContext final : public BroadcastContext {
 public:
  // Calls visit(key, state) for each key of this subtask that has something in `state`, a member of the function, with that
  // key current; the visit may change or clear it. No key is current behind it.
  template <class State, class Visit>
  void ApplyToKeyedState(State& state, Visit&& visit) {
    store_->ForEachKey([&](const void* key) {
      const K current = *static_cast<const K*>(key);  // Clearing its state destroys the key in the table.
      store_->KeepKey(current);
      if (state.IsPresent()) visit(current, state);
    });
  }

  // ---- For the engine ----
  void BindStore(KeyedStateStore& store) { store_ = &store; }

 private:
  KeyedStateStore* store_ = nullptr;
};

// I: the elements, B: the broadcast ones. No keys, no timers.
template <class I, class B, class O>
class BroadcastProcessFunction : public RichFunction {
 public:
  using InputType = I;
  using BroadcastType = B;
  using OutputType = O;
  using ReadOnlyContext = ReadOnlyBroadcastContext<ProcessContext>;
  using Context = BroadcastContext;

  virtual void ProcessElement(const I& value, ReadOnlyContext& context, Collector<O>& out) = 0;
  virtual void ProcessBroadcastElement(const B& value, Context& context, Collector<O>& out) = 0;
};

// With keyed state for the elements; on the broadcast side no key is current: keyed state is reached by ApplyToKeyedState.
template <class K, class I, class B, class O>
class KeyedBroadcastProcessFunction : public RichFunction {
 public:
  using KeyType = K;
  using InputType = I;
  using BroadcastType = B;
  using OutputType = O;
  using FunctionBase = KeyedBroadcastProcessFunction;
  using ReadOnlyContext = ReadOnlyBroadcastContext<KeyedContext<K>>;
  using Context = KeyedBroadcastContext<K>;
  using OnTimerContext = TimerContext<ReadOnlyContext>;

  virtual void ProcessElement(const I& value, ReadOnlyContext& context, Collector<O>& out) = 0;
  virtual void ProcessBroadcastElement(const B& value, Context& context, Collector<O>& out) = 0;
  virtual void OnTimer(int64_t, OnTimerContext&, Collector<O>&) {}
};

}  // namespace weir
