// Function classes for those who want a name or a life cycle; lambdas do otherwise.
#pragma once

#include <cstdint>
#include <optional>

#include <weir/collector.h>
#include <weir/runtime_context.h>
#include <weir/state/aggregating_state.h>
#include <weir/state/list_state.h>
#include <weir/state/map_state.h>
#include <weir/state/reducing_state.h>
#include <weir/state/value_state.h>

namespace weir {

template <class I, class O>
class MapFunction : public RichFunction {
 public:
  virtual O Map(const I& value) = 0;
};

template <class I, class O>
class FlatMapFunction : public RichFunction {
 public:
  virtual void FlatMap(const I& value, Collector<O>& out) = 0;
};

template <class I>
class FilterFunction : public RichFunction {
 public:
  virtual bool Filter(const I& value) = 0;
};

template <class T>
class ReduceFunction : public RichFunction {
 public:
  virtual T Reduce(const T& a, const T& b) = 0;
};

// Every record of a key, with state of that key. States are members (ValueState<T> count_{"count"}).
template <class K, class I, class O>
class KeyedProcessFunction : public RichFunction {
 public:
  using KeyType = K;
  using InputType = I;
  using OutputType = O;

  class Context {
   public:
    // The event timestamp in milliseconds; nothing when the stream has none.
    std::optional<int64_t> Timestamp() const { return timestamp_; }
    const K& CurrentKey() const { return *key_; }

    void Set(const K& key, std::optional<int64_t> timestamp) {
      key_ = &key;
      timestamp_ = timestamp;
    }

   private:
    const K* key_ = nullptr;
    std::optional<int64_t> timestamp_;
  };

  virtual void ProcessElement(const I& value, Context& context, Collector<O>& out) = 0;
  // Once per live key at the end of a bounded input.
  virtual void Finish(Context&, Collector<O>&) {}
};

}  // namespace weir
