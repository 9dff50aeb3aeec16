// Two streams into one operator: connected streams, and the broadcast pattern.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/broadcast_functions.h>
#include <weir/co_functions.h>
#include <weir/engine/stream_graph.h>
#include <weir/operators/broadcast.h>
#include <weir/operators/co_stateless.h>
#include <weir/operators/keyed_co_process.h>
#include <weir/operators/process.h>
#include <weir/operators/state_declarations.h>

namespace weir {

template <class T>
class DataStream;
template <class K, class T, class Selector>
class KeyedStream;

namespace internal {

// An operator behind both streams: `second` becomes its second input.
template <class O, class F, class T1, class T2, class Make>
DataStream<O> AppendTwoInputs(const DataStream<T1>& first, const DataStream<T2>& second, std::string name, Make make) {
  if (first.graph() != second.graph()) throw std::invalid_argument("streams of two environments cannot be connected");
  StreamNode& node = first.graph()->Add(std::move(name), std::move(make));
  node.inputs = first.origins();
  for (StreamEdge edge : second.origins()) {
    edge.routing.input = 1;
    node.inputs.push_back(std::move(edge));
  }
  node.output_type = &TypeOf<O>();
  node.stateful = HasOperatorState<F> || HasBroadcastState<F>;
  return DataStream<O>(first.graph(), node);
}

}  // namespace internal

// Without keys. There is no order between the two; the watermark is the smaller one.
template <class T1, class T2>
class ConnectedStreams {
 public:
  ConnectedStreams(DataStream<T1> first, DataStream<T2> second) : first_(std::move(first)), second_(std::move(second)) {}

  // A CoMapFunction<T1, T2, O>.
  template <class F>
  auto Map(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, CoMapFunction<T1, T2, O>>, "Map takes a weir::CoMapFunction of the two record types, or two lambdas");
    return Append<O, F>("Co-Map", [function] { return std::make_unique<internal::CoMapOperator<F, T1, T2, O>>(function); });
  }
  // A lambda for each side; both yield the same type.
  template <class F1, class F2>
  auto Map(F1 first, F2 second) const {
    using O = internal::MapResult<F1, T1>;
    static_assert(std::is_same_v<O, internal::MapResult<F2, T2>>, "both sides of Map must yield the same type");
    return Map(internal::CoMapOf<O, T1, T2, F1, F2>(std::move(first), std::move(second)));
  }
  // A CoFlatMapFunction<T1, T2, O>.
  template <class F>
  auto FlatMap(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, CoFlatMapFunction<T1, T2, O>>, "FlatMap takes a weir::CoFlatMapFunction of the two record types");
    return Append<O, F>("Co-Flat Map", [function] { return std::make_unique<internal::CoFlatMapOperator<F, T1, T2, O>>(function); });
  }
  // A CoProcessFunction<T1, T2, O>.
  template <class F>
  auto Process(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, CoProcessFunction<T1, T2, O>>, "Process takes a weir::CoProcessFunction of the two record types; with keys: KeyBy first");
    return Append<O, F>("Co-Process", [function] { return std::make_unique<internal::CoProcessOperator<T1, T2, O, F>>(function); });
  }
  // Both by a key of the same type.
  template <class Selector1, class Selector2>
  auto KeyBy(Selector1 first, Selector2 second) const {
    return first_.KeyBy(std::move(first)).Connect(second_.KeyBy(std::move(second)));
  }

 private:
  template <class O, class F, class Make>
  DataStream<O> Append(std::string name, Make make) const {
    return internal::AppendTwoInputs<O, F>(first_, second_, std::move(name), std::move(make));
  }

  DataStream<T1> first_;
  DataStream<T2> second_;
};

// Two streams by the same key.
template <class K, class T1, class T2, class Selector1, class Selector2>
class ConnectedKeyedStreams {
 public:
  ConnectedKeyedStreams(KeyedStream<K, T1, Selector1> first, KeyedStream<K, T2, Selector2> second) : first_(std::move(first)), second_(std::move(second)) {}

  // A KeyedCoProcessFunction<K, T1, T2, O>.
  template <class F>
  auto Process(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, KeyedCoProcessFunction<K, T1, T2, O>>,
                  "Process takes a weir::KeyedCoProcessFunction of the key type and the two record types");
    DataStream<O> out = internal::AppendTwoInputs<O, F>(first_.stream(), second_.stream(), "Keyed Co-Process",
                                                        [function, selector1 = first_.selector(), selector2 = second_.selector()] {
                                                          using Op = internal::KeyedCoProcessOperator<K, T1, T2, O, F, Selector1, Selector2>;
                                                          return internal::MakeKeyed<Op>(function, selector1, selector2);
                                                        });
    internal::DeclareKeyed<K>(*first_.stream().graph()->nodes.back(), internal::StatesOf(function));
    return out;
  }

 private:
  KeyedStream<K, T1, Selector1> first_;
  KeyedStream<K, T2, Selector2> second_;
};

// A stream whose records go to every subtask, with the states that they fill.
template <class B>
class BroadcastStream {
 public:
  BroadcastStream(DataStream<B> stream, internal::BroadcastDeclarations declarations) : stream_(std::move(stream)), declarations_(std::move(declarations)) {}
  const DataStream<B>& stream() const { return stream_; }
  const internal::BroadcastDeclarations& declarations() const { return declarations_; }

 private:
  DataStream<B> stream_;
  internal::BroadcastDeclarations declarations_;
};

template <class T, class B>
class BroadcastConnectedStream {
 public:
  BroadcastConnectedStream(DataStream<T> stream, BroadcastStream<B> broadcast) : stream_(std::move(stream)), broadcast_(std::move(broadcast)) {}

  // A BroadcastProcessFunction<T, B, O>.
  template <class F>
  auto Process(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, BroadcastProcessFunction<T, B, O>>,
                  "a stream without keys takes a weir::BroadcastProcessFunction of the two record types");
    return internal::AppendTwoInputs<O, F>(stream_, broadcast_.stream(), "Co-Process-Broadcast", [function, declarations = broadcast_.declarations()] {
      return std::make_unique<internal::BroadcastProcessOperator<T, B, O, F>>(function, declarations);
    });
  }

 private:
  DataStream<T> stream_;
  BroadcastStream<B> broadcast_;
};

template <class K, class T, class B, class Selector>
class BroadcastConnectedKeyedStream {
 public:
  BroadcastConnectedKeyedStream(KeyedStream<K, T, Selector> stream, BroadcastStream<B> broadcast)
      : stream_(std::move(stream)), broadcast_(std::move(broadcast)) {}

  // A KeyedBroadcastProcessFunction<K, T, B, O>.
  template <class F>
  auto Process(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, KeyedBroadcastProcessFunction<K, T, B, O>>,
                  "a keyed stream takes a weir::KeyedBroadcastProcessFunction of the key type and the two record types");
    DataStream<O> out = internal::AppendTwoInputs<O, F>(
        stream_.stream(), broadcast_.stream(), "Co-Process-Broadcast-Keyed", [function, selector = stream_.selector(), declarations = broadcast_.declarations()] {
          return internal::MakeKeyed<internal::KeyedBroadcastProcessOperator<K, T, B, O, F, Selector>>(function, selector, declarations);
        });
    internal::DeclareKeyed<K>(*stream_.stream().graph()->nodes.back(), internal::StatesOf(function));
    return out;
  }

 private:
  KeyedStream<K, T, Selector> stream_;
  BroadcastStream<B> broadcast_;
};

}  // namespace weir
