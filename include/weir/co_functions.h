// Functions of two connected streams.
#pragma once

#include <weir/functions.h>

namespace weir {

template <class I1, class I2, class O>
class CoMapFunction : public RichFunction {
 public:
  using FirstType = I1;
  using SecondType = I2;
  using OutputType = O;
  virtual O Map1(const I1& value) = 0;
  virtual O Map2(const I2& value) = 0;
};

template <class I1, class I2, class O>
class CoFlatMapFunction : public RichFunction {
 public:
  using FirstType = I1;
  using SecondType = I2;
  using OutputType = O;
  virtual void FlatMap1(const I1& value, Collector<O>& out) = 0;
  virtual void FlatMap2(const I2& value, Collector<O>& out) = 0;
};

// Without keys: side outputs and clocks.
template <class I1, class I2, class O>
class CoProcessFunction : public RichFunction {
 public:
  using FirstType = I1;
  using SecondType = I2;
  using OutputType = O;
  using Context = ProcessContext;
  virtual void ProcessElement1(const I1& value, Context& context, Collector<O>& out) = 0;
  virtual void ProcessElement2(const I2& value, Context& context, Collector<O>& out) = 0;
};

// Both streams by the same key: state and timers of a key are shared by its records of both.
template <class K, class I1, class I2, class O>
class KeyedCoProcessFunction : public RichFunction {
 public:
  using KeyType = K;
  using FirstType = I1;
  using SecondType = I2;
  using OutputType = O;
  using FunctionBase = KeyedCoProcessFunction;
  using Context = KeyedContext<K>;
  using OnTimerContext = TimerContext<KeyedContext<K>>;
  virtual void ProcessElement1(const I1& value, Context& context, Collector<O>& out) = 0;
  virtual void ProcessElement2(const I2& value, Context& context, Collector<O>& out) = 0;
  virtual void OnTimer(int64_t, OnTimerContext&, Collector<O>&) {}
};

}  // namespace weir
