// Nexmark's queries over single events.  --query q0|q1|q2
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/job_arguments.h"
#include "benchmarks/workload/nexmark.h"

using namespace weir;
using namespace weir::bench;

namespace {

template <class Query>
DataStream<uint64_t> RowsOf(const DataStream<Event>& events) {
  return events.FlatMap([](const Event& event, Collector<uint64_t>& out) {
    if (Query::Selects(event)) out.Collect(Query::Hash(event));
  });
}

DataStream<uint64_t> Rows(const DataStream<Event>& events, const std::string& query) {
  if (query == "q0") return RowsOf<Query0>(events);
  if (query == "q1") return RowsOf<Query1>(events);
  if (query == "q2") return RowsOf<Query2>(events);
  throw std::invalid_argument("unknown query: --query " + query);
}

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  const std::string& query = args.Required("query");
  env.SetJobName("Nexmark " + query);
  EnableCheckpoints(env, args);
  const auto events = env.FromSource(EventSource(NexmarkGenerator(Unsigned(args, "seed", 1)), SourceOptions(args)), "events").Uid("events");
  Rows(events, query).Name(query).SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
