// The files by which a run tells the driver what it measured; all in the run's output directory.
//
//   start-<split>               first measured event of a split: "monotonic_ns cpu_ns pid events_left"
//   part-<subtask>-<checkpoint> a committed part of the result: "rows sum barrier_ns monotonic_ns cpu_ns pid peak_rss_bytes"
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "benchmarks/workload/clock.h"
#include "benchmarks/workload/digest.h"

namespace weir::bench {

// The file is seen whole or not at all; one of the same name is replaced.
inline void PublishFile(const std::string& directory, const std::string& name, const std::string& line) {
  std::filesystem::create_directories(directory);
  const std::string path = directory + "/" + name;
  const std::string temporary = directory + "/." + name + "-" + std::to_string(::getpid());
  std::ofstream file(temporary);
  file << line << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) throw std::runtime_error("cannot write " + path);
}

inline void PublishStart(const std::string& directory, uint32_t split, uint64_t events_left) {
  PublishFile(directory, "start-" + std::to_string(split),
              std::to_string(MonotonicNanos()) + " " + std::to_string(ProcessCpuNanos()) + " " + std::to_string(::getpid()) + " " + std::to_string(events_left));
}

inline void PublishPart(const std::string& directory, const std::string& name, const std::string& digest) {
  PublishFile(directory, "part-" + name,
              digest + " " + std::to_string(MonotonicNanos()) + " " + std::to_string(ProcessCpuNanos()) + " " + std::to_string(::getpid()) + " " +
                  std::to_string(PeakRssBytes()));
}

}  // namespace weir::bench
