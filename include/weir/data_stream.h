// DataStream<T> and KeyedStream<K, T>: the transformations of a job, with Flink's names.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <weir/connected_streams.h>
#include <weir/engine/stream_graph.h>
#include <weir/io/print.h>
#include <weir/io/text_file_sink.h>
#include <weir/operators/keyed.h>
#include <weir/operators/process.h>
#include <weir/operators/sink.h>
#include <weir/operators/sink_function.h>
#include <weir/operators/state_declarations.h>
#include <weir/operators/stateless.h>
#include <weir/operators/watermarks.h>
#include <weir/operators/with_state.h>

namespace weir {

template <class T>
class DataStream;
template <class K, class T, class Selector>
class KeyedStream;

// A sink that was attached; only its properties remain to be set.
class DataStreamSink {
 public:
  DataStreamSink(std::shared_ptr<StreamGraph> graph, StreamNode& node) : graph_(std::move(graph)), node_(&node) {}
  DataStreamSink& Uid(std::string uid) { return node_->uid = std::move(uid), *this; }
  DataStreamSink& FormerUid(std::string uid) { return node_->former_uids.push_back(std::move(uid)), *this; }
  DataStreamSink& Name(std::string name) { return node_->name = "Sink: " + std::move(name), *this; }
  DataStreamSink& SetParallelism(uint32_t parallelism);
  DataStreamSink& SlotSharingGroup(std::string group) { return node_->slot_sharing_group = std::move(group), *this; }
  DataStreamSink& DisableChaining() { return node_->chaining = ChainingStrategy::kNever, *this; }

 private:
  std::shared_ptr<StreamGraph> graph_;
  StreamNode* node_;
};

namespace internal {

// Checks of user input shared by all streams; std::invalid_argument with the value.
void SetNodeParallelism(StreamNode& node, uint32_t parallelism);
void SetNodeMaxParallelism(StreamNode& node, uint32_t max_parallelism);

template <class T>
EdgeRouting RoutingOf() {
  EdgeRouting routing;
  routing.type = &TypeOf<T>();
  routing.scatter = &ScatterRows<T>;
  return routing;
}

}  // namespace internal

template <class T>
class DataStream {
 public:
  DataStream(std::shared_ptr<StreamGraph> graph, std::vector<StreamEdge> origins) : graph_(std::move(graph)), origins_(std::move(origins)) {}
  DataStream(std::shared_ptr<StreamGraph> graph, const StreamNode& node) : graph_(std::move(graph)) {
    origins_.push_back({.from = node.id, .routing = internal::RoutingOf<T>()});
  }

  // ---- Properties of the operator that yields this stream ----
  // Names the operator in snapshots: keep it for as long as state shall be restored.
  DataStream& Uid(std::string uid) { return node().uid = std::move(uid), *this; }
  // Its uid in older snapshots, whose state it takes when there is none under its own; may be said of several.
  DataStream& FormerUid(std::string uid) { return node().former_uids.push_back(std::move(uid)), *this; }
  DataStream& Name(std::string name) { return node().name = std::move(name), *this; }
  DataStream& SetParallelism(uint32_t parallelism) { return internal::SetNodeParallelism(node(), parallelism), *this; }
  DataStream& SetMaxParallelism(uint32_t max) { return internal::SetNodeMaxParallelism(node(), max), *this; }
  DataStream& DisableChaining() { return node().chaining = ChainingStrategy::kNever, *this; }
  DataStream& StartNewChain() { return node().chaining = ChainingStrategy::kHead, *this; }
  DataStream& SlotSharingGroup(std::string group) { return node().slot_sharing_group = std::move(group), *this; }

  // ---- Record by record ----
  template <class F>
  auto Map(F function) const {
    using O = internal::MapResult<F, T>;
    return AppendFunction<O, F>("Map", [function] { return std::make_unique<internal::MapOperator<F, T, O>>(function); });
  }
  template <class F>
  DataStream<T> Filter(F predicate) const {
    return AppendFunction<T, F>("Filter", [predicate] { return std::make_unique<internal::FilterOperator<F, T>>(predicate); });
  }
  template <class F>
  auto FlatMap(F function) const {
    using O = internal::FlatMapResult<F>;
    return AppendFunction<O, F>("Flat Map", [function] { return std::make_unique<internal::FlatMapOperator<F, T, O>>(function); });
  }
  // A ProcessFunction<T, O>.
  template <class F>
  auto Process(F function) const {
    using O = typename F::OutputType;
    static_assert(std::derived_from<F, ProcessFunction<T, O>>, "Process takes a weir::ProcessFunction<Record, Result>; a function with keys: KeyBy first");
    return AppendFunction<O, F>("Process", [function] { return std::make_unique<internal::ProcessOperator<T, O, F>>(function); });
  }

  // ---- Event time ----
  DataStream<T> AssignTimestampsAndWatermarks(WatermarkStrategy<T> strategy) const {
    const uint32_t parallelism = node().parallelism;
    DataStream<T> assigned =
        Append<T>("Timestamps/Watermarks", [strategy] { return std::make_unique<internal::TimestampsAndWatermarksOperator<T>>(strategy); });
    graph_->nodes.back()->parallelism = parallelism;  // Its input's, not the environment's.
    return assigned;
  }

  // ---- Side outputs ----
  // What the operator of this stream emits with the tag. std::invalid_argument when the same id was read with another type.
  template <class U>
  DataStream<U> GetSideOutput(const OutputTag<U>& tag) const {
    const auto [found, is_new] = node().side_outputs.emplace(tag.id(), &TypeOf<U>());
    if (!is_new && found->second != &TypeOf<U>()) {
      throw std::invalid_argument("side output \"" + tag.id() + "\" of \"" + node().name + "\" is read with two types");
    }
    StreamEdge edge{.from = node().id, .routing = internal::RoutingOf<U>()};
    edge.routing.side_output = tag.id();
    return DataStream<U>(graph_, std::vector<StreamEdge>{std::move(edge)});
  }

  // ---- Keys ----
  // By a member, KeyBy(&Record::field), or a function of the record.
  template <class Selector>
  auto KeyBy(Selector selector) const {
    using K = internal::KeyOf<Selector, T>;
    static_assert(Serializable<K>, "this key type has no serializer: make it a plain struct of known types or specialize weir::Serde");
    (void)KeyOpsOf<K>();
    DataStream keyed = Partition(PartitionerKind::kKeyGroup);
    for (StreamEdge& edge : keyed.origins_) {
      edge.routing.hash_keys = [selector](const RecordBatch& batch, uint64_t* hashes) mutable {
        const T* const rows = batch.Rows<T>();
        for (uint32_t i = 0; i < batch.size(); ++i) hashes[i] = HashKey<K>(internal::SelectKey(selector, rows[i]));
      };
    }
    return KeyedStream<K, T, Selector>(std::move(keyed), std::move(selector));
  }

  // ---- Two streams ----
  template <class U>
  ConnectedStreams<T, U> Connect(const DataStream<U>& other) const {
    return ConnectedStreams<T, U>(*this, other);
  }
  template <class B>
  BroadcastConnectedStream<T, B> Connect(const BroadcastStream<B>& broadcast) const {
    return BroadcastConnectedStream<T, B>(*this, broadcast);
  }

  // ---- Partitioners ----
  DataStream Forward() const { return Partition(PartitionerKind::kForward); }
  DataStream Rebalance() const { return Partition(PartitionerKind::kRebalance); }
  DataStream Rescale() const { return Partition(PartitionerKind::kRescale); }
  DataStream Shuffle() const { return Partition(PartitionerKind::kShuffle); }
  DataStream Broadcast() const { return Partition(PartitionerKind::kBroadcast); }
  // For Connect: the states that the broadcast records fill.
  template <class K, class V, class... Others>
  BroadcastStream<T> Broadcast(const MapStateDescriptor<K, V>& state, const Others&... others) const {
    internal::BroadcastDeclarations declarations;
    const auto add = [&declarations](const auto& descriptor) {
      declarations.push_back([descriptor](OperatorStateStore& store) { store.GetBroadcastState(descriptor); });
    };
    add(state);
    (add(others), ...);
    return BroadcastStream<T>(Broadcast(), std::move(declarations));
  }
  DataStream Global() const { return Partition(PartitionerKind::kGlobal); }
  // `partition(record, channels)` yields a channel in [0, channels); anything else fails the task.
  template <class F>
  DataStream PartitionCustom(F partition) const {
    DataStream stream = Partition(PartitionerKind::kCustom);
    for (StreamEdge& edge : stream.origins_) {
      edge.routing.custom = [partition](const RecordBatch& batch, uint32_t channels, uint16_t* channel_of_row) mutable {
        const T* const rows = batch.Rows<T>();
        for (uint32_t i = 0; i < batch.size(); ++i) {
          const auto channel = partition(rows[i], channels);
          channel_of_row[i] = channel >= 0 && static_cast<uint64_t>(channel) < channels ? static_cast<uint16_t>(channel) : UINT16_MAX;
        }
      };
    }
    return stream;
  }

  // Records of all streams in one; no order between them.
  template <class... Others>
  DataStream Union(const Others&... others) const {
    std::vector<StreamEdge> origins = origins_;
    (origins.insert(origins.end(), others.origins_.begin(), others.origins_.end()), ...);
    return DataStream(graph_, std::move(origins));
  }

  // ---- Sinks ----
  // To the TaskManager's stdout, "subtask> record" when there are several.
  DataStreamSink Print(std::string identifier = "") const {
    return AppendSink("Print to Std. Out", [identifier] {
      return std::make_unique<internal::ForEachOperator<T, PrintFunction<T>>>(PrintFunction<T>(identifier));
    });
  }
  // A SinkFunction<T>.
  template <class F>
  DataStreamSink AddSink(F function) const {
    static_assert(std::derived_from<F, SinkFunction<T>>, "AddSink takes a weir::SinkFunction of this stream's record type; SinkTo takes a weir::Sink");
    DataStreamSink attached = AppendSink("Unnamed", [function] { return std::make_unique<internal::SinkFunctionOperator<T, F>>(function); });
    graph_->nodes.back()->stateful = internal::HasOperatorState<F>;
    return attached;
  }
  template <class S>
  DataStreamSink SinkTo(S sink) const {
    std::shared_ptr<const Sink<T>> shared;
    if constexpr (std::is_same_v<S, TextFileSink>) {
      shared = std::make_shared<TextFileSinkOf<T>>(std::move(sink));
    } else {
      static_assert(std::derived_from<S, Sink<T>>, "SinkTo takes a weir::Sink of this stream's record type");
      shared = std::make_shared<S>(std::move(sink));
    }
    DataStreamSink attached = AppendSink("Writer", [shared] { return std::make_unique<internal::SinkOperator<T>>(shared); });
    graph_->nodes.back()->stateful = true;
    return attached;
  }

  const std::shared_ptr<StreamGraph>& graph() const { return graph_; }
  const std::vector<StreamEdge>& origins() const { return origins_; }

  // Appends an operator of any kind; for the SDK's own use.
  template <class O, class Make>
  DataStream<O> Append(std::string name, Make make) const {
    StreamNode& node = graph_->Add(std::move(name), std::move(make));
    node.inputs = origins_;
    node.output_type = &TypeOf<O>();
    return DataStream<O>(graph_, node);
  }

 private:
  template <class U>
  friend class DataStream;

  template <class O, class F, class Make>
  DataStream<O> AppendFunction(std::string name, Make make) const {
    DataStream<O> out = Append<O>(std::move(name), std::move(make));
    graph_->nodes.back()->stateful = internal::HasOperatorState<F>;
    return out;
  }

  StreamNode& node() const { return *graph_->nodes[origins_.back().from]; }

  DataStream Partition(PartitionerKind kind) const {
    DataStream stream = *this;
    for (StreamEdge& edge : stream.origins_) {
      edge.partitioner = kind;
      edge.partitioner_chosen = true;
    }
    return stream;
  }
  template <class Make>
  DataStreamSink AppendSink(std::string name, Make make) const {
    StreamNode& node = graph_->Add("Sink: " + std::move(name), std::move(make));
    node.inputs = origins_;
    return DataStreamSink(graph_, node);
  }

  std::shared_ptr<StreamGraph> graph_;
  std::vector<StreamEdge> origins_;  // One, or several after Union.
};

template <class K, class T, class Selector>
class KeyedStream {
 public:
  KeyedStream(DataStream<T> stream, Selector selector) : stream_(std::move(stream)), selector_(std::move(selector)) {}

  // A KeyedProcessFunction<K, T, O>.
  template <class F>
  auto Process(F function) const {
    static_assert(std::derived_from<F, KeyedProcessFunction<typename F::KeyType, typename F::InputType, typename F::OutputType>>,
                  "Process takes a weir::KeyedProcessFunction<Key, Record, Result>");
    static_assert(std::is_same_v<typename F::KeyType, K> && std::is_same_v<typename F::InputType, T>,
                  "the function's key and record types must be those of the keyed stream");
    return AppendProcess("KeyedProcess", std::move(function));
  }

  // ---- Record by record: the function's states, its members, are those of the record's key ----
  template <class F>
  auto Map(F function) const {
    return AppendRecord<internal::MapResult<F, T>, internal::KeyedCall::kMap>("Map", std::move(function));
  }
  template <class F>
  auto FlatMap(F function) const {
    return AppendRecord<internal::FlatMapResult<F>, internal::KeyedCall::kFlatMap>("Flat Map", std::move(function));
  }
  template <class F>
  DataStream<T> Filter(F predicate) const {
    return AppendRecord<T, internal::KeyedCall::kFilter>("Filter", std::move(predicate));
  }

  // ---- Functions of a record and one state of its key ----
  // `state` is what the key's last record left there, nothing at first; an emptied one is cleared.
  // [](const Record&, std::optional<State>& state) { return result; }
  template <class F>
  auto MapWithState(F function) const {
    return AppendProcess("Map With State", internal::MapWithState<K, T, F>(std::move(function)));
  }
  // [](const Record&, std::optional<State>& state, weir::Collector<Result>& out) { ... }
  template <class F>
  auto FlatMapWithState(F function) const {
    return AppendProcess("Flat Map With State", internal::FlatMapWithState<K, T, F>(std::move(function)));
  }
  // [](const Record&, std::optional<State>& state) { return true; }
  template <class F>
  DataStream<T> FilterWithState(F predicate) const {
    return AppendProcess("Filter With State", internal::FilterWithState<K, T, F>(std::move(predicate)));
  }

  // ---- Two streams ----
  template <class U, class OtherSelector>
  auto Connect(const KeyedStream<K, U, OtherSelector>& other) const {
    return ConnectedKeyedStreams<K, T, U, Selector, OtherSelector>(*this, other);
  }
  template <class OtherKey, class U, class OtherSelector>
    requires(!std::is_same_v<OtherKey, K>)
  void Connect(const KeyedStream<OtherKey, U, OtherSelector>&) const {
    static_assert(std::is_same_v<OtherKey, K>, "two keyed streams can be connected when their keys have the same type");
  }
  template <class B>
  auto Connect(const BroadcastStream<B>& broadcast) const {
    return BroadcastConnectedKeyedStream<K, T, B, Selector>(*this, broadcast);
  }

  const DataStream<T>& stream() const { return stream_; }
  const Selector& selector() const { return selector_; }

  template <class F>
  DataStream<T> Reduce(F function) const {
    return AppendReduce("Keyed Reduce", std::move(function));
  }

  // The running sum of one field; the other fields stay those of the key's first record. Overflow wraps.
  template <class Field, class Owner>
  DataStream<T> Sum(Field Owner::*field) const {
    static_assert(std::is_same_v<Owner, T>, "Sum takes a field of this stream's record type");
    static_assert(std::is_arithmetic_v<Field> && !std::is_same_v<Field, bool>, "Sum takes a field that is a number");
    return AppendReduce("Keyed Aggregation", [field](const T& a, const T& b) {
      T sum = a;
      if constexpr (std::is_integral_v<Field>) {
        using Wrapping = std::make_unsigned_t<Field>;
        sum.*field = static_cast<Field>(static_cast<Wrapping>(static_cast<Wrapping>(a.*field) + static_cast<Wrapping>(b.*field)));
      } else {
        sum.*field = a.*field + b.*field;
      }
      return sum;
    });
  }

 private:
  template <class F>
  auto AppendProcess(std::string name, F function) const {
    using O = typename F::OutputType;
    return AppendStateful<O, internal::KeyedProcessOperator<K, T, O, F, Selector>>(std::move(name), std::move(function));
  }
  template <class O, internal::KeyedCall kCall, class F>
  DataStream<O> AppendRecord(std::string name, F function) const {
    return AppendStateful<O, internal::KeyedRecordOperator<K, T, O, F, Selector, kCall>>(std::move(name), std::move(function));
  }
  template <class O, class Op, class F>
  DataStream<O> AppendStateful(std::string name, F function) const {
    std::vector<StateDeclarationText> states = internal::StatesOf(function);
    return AppendKeyed<O, F>(std::move(name), std::move(states),
                             [function, selector = selector_] { return internal::MakeKeyed<Op>(function, selector); });
  }
  template <class F>
  DataStream<T> AppendReduce(std::string name, F function) const {
    return AppendKeyed<T, F>(std::move(name), {{"_op_state", "value", SchemaOf<T>()}}, [function, selector = selector_] {
      return std::make_unique<internal::ReduceOperator<K, T, F, Selector>>(function, selector);
    });
  }
  template <class O, class F, class Make>
  DataStream<O> AppendKeyed(std::string name, std::vector<StateDeclarationText> states, Make make) const {
    DataStream<O> out = stream_.template Append<O>(std::move(name), std::move(make));
    StreamNode& node = *stream_.graph()->nodes.back();
    node.stateful = internal::HasOperatorState<F>;
    internal::DeclareKeyed<K>(node, std::move(states));
    return out;
  }

  DataStream<T> stream_;
  Selector selector_;
};

}  // namespace weir
