// map, filter and flatMap, none chained, with --partitioner between them: the numbers again, broadcast once per subtask.
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

DataStream<int64_t> Partition(const DataStream<int64_t>& stream, const std::string& partitioner) {
  if (partitioner == "forward") return stream.Forward();
  if (partitioner == "rebalance") return stream.Rebalance();
  if (partitioner == "rescale") return stream.Rescale();
  if (partitioner == "shuffle") return stream.Shuffle();
  if (partitioner == "broadcast") return stream.Broadcast();
  if (partitioner == "global") return stream.Global();
  if (partitioner == "custom") return stream.PartitionCustom([](const int64_t& value, uint32_t channels) { return value / 7 % channels; });
  throw std::invalid_argument("unknown partitioner \"" + partitioner + "\"");
}

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Partitioners");
  EnableCheckpoints(env, args);
  // 2 n and 2 n + 1 of each n, of which the filter leaves one, and flatMap both again.
  DataStream<int64_t> halves = Numbers(env, args, "numbers").Map([](const int64_t& value) { return value * 2; }).DisableChaining();
  DataStream<int64_t> even = halves.Filter([](const int64_t& value) { return value % 2 == 0; }).DisableChaining();
  Partition(even, args.Required("partitioner"))
      .FlatMap([](const int64_t& value, Collector<int64_t>& out) {
        out.Collect(value);
        out.Collect(value + 1);
      })
      .DisableChaining()
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
