// The machine's own latency: one thread sends a record when it is due, over loopback TCP, another one notes when it came.
#include <sched.h>

#include <thread>

#include "benchmarks/loops/tcp_link.h"
#include "benchmarks/loops/worker.h"
#include "benchmarks/workload/clock.h"

namespace weir::bench {

LoopResult RunJitterLoop(const LoopOptions& options) {
  LoopOptions pair = options;
  pair.workers = 2;
  pair.warm_up = 0;
  const auto [sender, receiver] = ConnectedSockets();
  DurationHistogram latency;
  LoopResult result = RunWorkers(pair, [&, sender = sender, receiver = receiver](LoopWorker& worker) {
    if (worker.index == 0) {
      worker.NoteStart(0, pair);
      for (uint64_t i = 0; i < options.events; ++i) {
        const int64_t due_ns = worker.started_ns + static_cast<int64_t>(static_cast<double>(i) * 1e9 / options.events_per_second);
        const timespec due{due_ns / 1'000'000'000, due_ns % 1'000'000'000};
        while (MonotonicNanos() < due_ns) ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
        if (::send(sender, &due_ns, sizeof(due_ns), MSG_NOSIGNAL) != sizeof(due_ns)) Die("send");
      }
      ::shutdown(sender, SHUT_WR);
    } else {
      int64_t due_ns = 0;
      while (::recv(receiver, &due_ns, sizeof(due_ns), MSG_WAITALL) == sizeof(due_ns)) {
        latency.Add(MonotonicNanos() - due_ns);
        worker.digest.Add(0);
      }
    }
  });
  ::close(sender);
  ::close(receiver);
  result.latency = latency;
  return result;
}

}  // namespace weir::bench
