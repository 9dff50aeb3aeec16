// StreamExecutionEnvironment: where a job begins. WEIR_JOB's body gets one and builds its dataflow on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/data_stream.h>
#include <weir/engine/stream_graph.h>
#include <weir/io/builtin_sources.h>
#include <weir/operators/source.h>
#include <weir/operators/source_function.h>

namespace weir {

class StreamExecutionEnvironment {
 public:
  explicit StreamExecutionEnvironment(std::shared_ptr<StreamGraph> graph) : graph_(std::move(graph)) {}

  // ---- Settings; each wins over the command line and the configuration file ----
  void SetJobName(std::string name) { graph_->job_name = std::move(name); }
  void SetParallelism(uint32_t parallelism);
  void SetMaxParallelism(uint32_t max_parallelism);
  void EnableCheckpointing(std::chrono::milliseconds interval);
  void SetCheckpointTimeout(std::chrono::milliseconds timeout) { graph_->checkpoint_timeout_ms = timeout.count(); }
  void SetMinPauseBetweenCheckpoints(std::chrono::milliseconds pause) { graph_->min_pause_ms = pause.count(); }
  void SetRestartStrategy(RestartStrategyConfig strategy) { graph_->restart = strategy; }
  // How often watermark generators are asked; 0 = never (pipeline.auto-watermark-interval).
  void SetAutoWatermarkInterval(std::chrono::milliseconds interval) { graph_->auto_watermark_interval_ms = interval.count(); }
  void SetBufferTimeout(std::chrono::milliseconds timeout) { graph_->buffer_timeout_ms = timeout.count(); }
  void DisableOperatorChaining() { graph_->chaining = false; }
  uint32_t Parallelism() const { return graph_->parallelism; }

  // A value that depends on more than the job's arguments (time, files, environment): `compute` runs once when the job is
  // planned, workers get its result. A dataflow that depends on such a value without this is refused: `weir run` plans twice,
  // with another clock, host name and random seed, and each worker compares.
  template <class F>
  auto Pinned(const std::string& name, F compute) {
    using T = std::remove_cvref_t<decltype(compute())>;
    const std::string& bytes = graph_->Pinned(name, [&] { return internal::EncodeSplit<T>(compute()); });
    return internal::DecodeSplits<T>({bytes}).front();
  }

  // ---- Sources ----
  template <class T, class... More>
  auto FromElements(T first, More... more) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      return FromCollection<std::string>({std::string(first), std::string(more)...});
    } else {
      return FromCollection<T>({std::move(first), std::move(more)...});
    }
  }
  // Bounded, parallelism 1.
  template <class T>
  DataStream<T> FromCollection(std::vector<T> elements) {
    DataStream<T> stream = FromSource(ElementsSource<T>(std::move(elements)), "Collection Source");
    stream.SetParallelism(1);
    graph_->nodes.back()->parallelism_fixed = true;
    return stream;
  }
  // Both ends inclusive.
  DataStream<int64_t> FromSequence(int64_t from, int64_t to) { return FromSource(SequenceSource(from, to), "Sequence Source"); }
  // Lines of a file, or of all files below a directory; reachable under this path by every worker. Read once.
  DataStream<std::string> ReadTextFile(std::string path) { return FromSource(TextFileSource(std::move(path)), "Text File Source"); }
  DataStream<std::string> SocketTextStream(std::string host, uint16_t port, char delimiter = '\n') {
    DataStream<std::string> stream = FromSource(SocketTextSource(std::move(host), port, delimiter), "Socket Stream");
    stream.SetParallelism(1);
    graph_->nodes.back()->parallelism_fixed = true;
    return stream;
  }
  template <class S>
  DataStream<typename S::RecordType> FromSource(S source, const std::string& name) {
    using T = typename S::RecordType;
    using SplitT = typename S::SplitType;
    std::shared_ptr<const Source<T, SplitT>> shared = std::make_shared<S>(std::move(source));
    StreamNode& enumerator = graph_->Add("Enumerator: " + name, nullptr);
    enumerator.is_enumerator = true;
    enumerator.stateful = true;
    enumerator.parallelism = 1;
    enumerator.parallelism_fixed = true;
    enumerator.output_type = &TypeOf<SplitT>();
    StreamNode& reader = graph_->Add("Source: " + name, [shared] { return std::make_unique<internal::SourceReaderOperator<T, SplitT>>(shared); });
    reader.inputs.push_back({.from = enumerator.id, .partitioner = PartitionerKind::kCustom, .partitioner_chosen = true,
                             .routing = internal::RoutingOf<SplitT>()});
    reader.output_type = &TypeOf<T>();
    reader.stateful = true;
    // The number of readers is known once the graph is complete.
    const StreamGraph* const graph = graph_.get();
    const uint32_t reader_id = reader.id;
    enumerator.make_operator = [shared, graph, reader_id] {
      const uint32_t own = graph->nodes[reader_id]->parallelism;
      return std::make_unique<internal::EnumeratorOperator<T, SplitT>>(shared, own != 0 ? own : graph->parallelism);
    };
    return DataStream<T>(graph_, reader);
  }
  // The same with event time.
  template <class S>
  DataStream<typename S::RecordType> FromSource(S source, WatermarkStrategy<typename S::RecordType> strategy, const std::string& name) {
    return FromSource(std::move(source), name).AssignTimestampsAndWatermarks(std::move(strategy));
  }
  // A SourceFunction<T>.
  template <class F>
  DataStream<typename F::OutputType> AddSource(F function, const std::string& name = "Custom Source") {
    using T = typename F::OutputType;
    static_assert(std::derived_from<F, SourceFunction<T>>, "AddSource takes a weir::SourceFunction<Record>; FromSource takes a weir::Source");
    StreamNode& source = graph_->Add("Source: " + name, [function] { return std::make_unique<internal::SourceFunctionOperator<T, F>>(function); });
    source.output_type = &TypeOf<T>();
    source.stateful = internal::HasOperatorState<F>;
    return DataStream<T>(graph_, source);
  }

 private:
  std::shared_ptr<StreamGraph> graph_;
};

}  // namespace weir
