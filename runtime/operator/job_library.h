// A job's shared library: checked from the file before any of its code runs (R27), then loaded and asked for its dataflow.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/status.h>
#include <weir/engine/stream_graph.h>

namespace weir {

// Reads the ABI note without loading the file. kInvalidArgument names what is wrong: no ELF file, truncated, no note.
StatusOr<std::string> ReadAbiNote(const std::string& path);

// kFailedPrecondition unless the library was built for this SDK ABI, compiler, standard library mode and sanitizer.
Status CheckAbi(const std::string& path);

// Stays loaded until the process ends: unloading code that may still be referenced gains nothing in a worker that dies
// with its job. Thread-compatible.
class JobLibrary {
 public:
  // Checks the ABI, then dlopen with RTLD_NOW | RTLD_LOCAL. Runs the library's static initializers.
  static StatusOr<JobLibrary> Load(const std::string& path);

  // Runs the entry. kUserError carries what it threw.
  Status BuildGraph(const std::vector<std::string>& arguments, std::shared_ptr<StreamGraph> graph) const;

 private:
  explicit JobLibrary(void* entry) : entry_(entry) {}
  void* entry_;
};

}  // namespace weir
