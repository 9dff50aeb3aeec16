// Nexmark's queries over single events by hand: a loop per core over its share of the events.
#include "benchmarks/loops/worker.h"
#include "benchmarks/workload/nexmark.h"

namespace weir::bench {
namespace {

constexpr uint64_t kChunkRows = 4'096;

// `row(event, digest)` for each event, all fields of which are made whether it reads them or not: a source must, too.
template <class Row>
LoopResult RunEvents(const LoopOptions& options, Row row) {
  const NexmarkGenerator generator(options.keyed.seed);
  return RunWorkers(options, [&](LoopWorker& worker) {
    for (uint64_t next = worker.index; next < options.events;) {
      worker.NoteStart(next, options);
      const uint64_t end = ChunkEnd(next, kChunkRows, worker, options);
      for (; next < end; next += worker.workers) {
        const Event event = generator.Make(next);
        asm volatile("" : : "m"(event));
        row(event, worker.digest);
      }
    }
  });
}

template <class Query>
LoopResult RunQuery(const LoopOptions& options) {
  return RunEvents(options, [](const Event& event, Digest& digest) {
    if (Query::Selects(event)) digest.Add(Query::Hash(event));
  });
}

}  // namespace

LoopResult RunNexmarkLoop(const LoopOptions& options) {
  if (options.workload == "q0") return RunQuery<Query0>(options);
  if (options.workload == "q1") return RunQuery<Query1>(options);
  if (options.workload == "q2") return RunQuery<Query2>(options);
  return RunEvents(options, [](const Event& event, Digest& digest) {
    digest.Add(static_cast<uint64_t>(event.timestamp_ms + event.id + event.party + event.price + event.category + event.reserve + event.expires));
  });
}

}  // namespace weir::bench
