// Function classes for those who want a name or a life cycle; lambdas do otherwise.
#pragma once

#include <cstdint>

#include <weir/checkpointed_function.h>
#include <weir/collector.h>
#include <weir/process_context.h>
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

// A record at a time, with side outputs and clocks.
template <class I, class O>
class ProcessFunction : public RichFunction {
 public:
  using InputType = I;
  using OutputType = O;
  using Context = ProcessContext;

  virtual void ProcessElement(const I& value, Context& context, Collector<O>& out) = 0;
};

// Every record of a key, with state and timers of that key. States are members (ValueState<T> count_{"count"}).
template <class K, class I, class O>
class KeyedProcessFunction : public RichFunction {
 public:
  using KeyType = K;
  using InputType = I;
  using OutputType = O;
  using FunctionBase = KeyedProcessFunction;
  using Context = KeyedContext<K>;
  using OnTimerContext = TimerContext<KeyedContext<K>>;

  virtual void ProcessElement(const I& value, Context& context, Collector<O>& out) = 0;
  // For each timer of the function, with its key current. What it emits has the timer's timestamp; none in processing time.
  virtual void OnTimer(int64_t, OnTimerContext&, Collector<O>&) {}
  // Once per live key at the end of a bounded input.
  virtual void Finish(Context&, Collector<O>&) {}
};

}  // namespace weir
