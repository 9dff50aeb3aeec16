// Starts programs and says how they ended.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include <weir/core/status.h>

namespace weir {

struct ChildProgram {
  std::string path;
  std::vector<std::string> arguments;  // Without the program's name.
  // The child gets `from` of this process as its descriptor `to`; besides these only 0, 1 and 2 stay open.
  struct Descriptor {
    int from = -1;
    int to = -1;
  };
  std::vector<Descriptor> descriptors;
  bool own_process_group = false;  // Ctrl-C in the terminal does not reach it.
};

// fork and exec. The child gets SIGKILL when the calling thread ends, and starts with default signal handling.
// kNotFound when there is no such program, kUnavailable when no process can be made.
StatusOr<pid_t> StartChild(const ChildProgram& program);

// "exited with code 3", "was killed by signal 11 (Segmentation fault)"; `wait_status` as waitpid gives it.
std::string DescribeExit(int wait_status);

// The directory of the program that runs: its siblings are the other programs of Weir.
std::string ProgramDirectory();

}  // namespace weir
