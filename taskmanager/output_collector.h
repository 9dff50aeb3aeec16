// What workers print: into files, through to the TaskManager's own output, and the end of stderr into failures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "taskmanager/rotating_file.h"
#include "taskmanager/worker_launcher.h"

namespace weir {

struct OutputFiles {
  std::string output;  // Empty: no file.
  std::string error;   // Empty: no file, goes to the TaskManager's stderr.
  RotationLimits limits;
};

// One thread reads the pipes of all workers. Public calls are thread-safe. Stop in two phases; the destructor CHECKs both.
class OutputCollector {
 public:
  static constexpr size_t kErrorTailBytes = 16 * 1024;

  struct Options {
    int output = 1;  // Whole lines of the workers' stdout go here.
    int error = 2;
  };
  explicit OutputCollector(Options options);
  ~OutputCollector();
  OutputCollector(const OutputCollector&) = delete;
  OutputCollector& operator=(const OutputCollector&) = delete;

  void Add(WorkerSerial serial, FileDescriptor output, FileDescriptor error, OutputFiles files);
  // The worker has ended: reads what is left, at most for a second (a child of its own may hold the pipes), then calls `done`
  // with the last kErrorTailBytes of stderr, on the collector's thread. At once for an unknown serial.
  void Finish(WorkerSerial serial, std::function<void(std::string error_tail)> done);

  void Stop();
  void Join();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
