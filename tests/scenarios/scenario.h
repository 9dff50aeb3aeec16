// A scenario: one job, what goes in and what must come out, as a text file (README.md has the words).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/status.h>

namespace weir::scenarios {

enum class Disturbance : uint8_t { kNone, kKillWorker, kKillTaskManager, kCancelRestore, kCancelRescale };

std::string DisturbanceName(Disturbance disturbance);
StatusOr<Disturbance> DisturbanceFrom(const std::string& name);

struct Expectation {
  enum class Kind : uint8_t { kSequence, kCounts, kRunning, kNumbered, kWords, kRows, kPrinted, kError };
  Kind kind = Kind::kRows;
  std::vector<std::string> words;  // After the kind.
  bool per_subtask = false;        // Each row as often as the job is parallel.
};

struct Scenario {
  std::string name;  // Of the file.
  std::string job;
  std::vector<std::string> arguments;  // With {output}, {input}, {port}, {rate} and {variant} in them.
  std::vector<std::string> variants;   // Values of {variant}; one empty text when there are none.
  std::vector<Disturbance> disturbances = {Disturbance::kNone};
  int64_t rate = 0;  // {rate} when the job is disturbed; 0 otherwise.
  bool rate_always = false;
  bool may_end_early = false;          // Before it could be disturbed.
  bool await_partly_finished = false;  // Some subtasks finish early: checkpoints must go on.
  uint32_t input_lines = 0;            // Of generated text; 0: no {input}.
  uint32_t served_lines = 0;           // By a server on {port}; 0: no server.
  Expectation expectation;

  static StatusOr<Scenario> Read(const std::string& path);
};

// Lines of a few words each, the same for the same number of lines.
std::string GenerateText(uint32_t lines);

// What is wrong with the rows (sorted), in one line; empty when nothing is. Not for kPrinted and kError.
std::string Difference(const Scenario& scenario, uint32_t parallelism, const std::vector<std::string>& rows);

// `rows` are "(key,number,value)": each value of `values` (sorted) once, and in each key the numbers from 1 without gap.
std::string NumberedDifference(const std::vector<std::string>& rows, const std::vector<int64_t>& values);

}  // namespace weir::scenarios
