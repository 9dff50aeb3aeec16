// What was measured of one workload, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <weir/core/status.h>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

// Median, least and greatest of some runs.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
  static Spread Of(std::vector<double> values);  // Requires: not empty.
};

using FigureValue = std::variant<double, int64_t, bool, std::string>;

// One row of the table, one object of the JSON list.
struct Figure {
  std::string workload;
  std::string backend = "hashmap";
  uint32_t parallelism = 1;
  uint64_t seed = 1;
  uint64_t events = 0;               // Measured ones of a run.
  std::vector<double> events_per_s;  // One for each run.
  std::vector<double> events_per_cpu_s;
  std::vector<double> loop_events_per_s;  // Of the hand-written loop on as many cores; empty when there is none.
  std::vector<double> loop_events_per_cpu_s;
  std::vector<double> peer_events_per_s;  // Of the peer; empty when it was not asked for.
  std::vector<double> peer_events_per_cpu_s;
  std::string peer;
  Digest digest;  // Of every run: a run with another one is an error.
  bool checksum_ok = false;
  int64_t rss_bytes = 0;                                   // Greatest over the runs, of all workers together.
  double foreign_cpu = 0;                                  // Greatest share of a core that others took during a run that counts.
  bool disturbed = false;                                  // That was more than allowed, in spite of repetitions.
  std::vector<std::pair<std::string, FigureValue>> extra;  // What the workload adds, such as p50_ms.
  std::vector<std::string> notes;                          // Sentences for people.
};

void PrintTable(const std::vector<Figure>& figures);
// A list of objects. kUnavailable when the file cannot be written.
Status WriteJson(const std::vector<Figure>& figures, const std::string& path);

}  // namespace weir::bench
