#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/status_macros.h"
#include "client/commands.h"
#include "runtime/operator/job_library.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

struct Sdk {
  std::string include_directory;
  std::string library_directory;
};

// Beside the running program: an installation (bin, include, lib) or a build tree below the sources.
StatusOr<Sdk> FindSdk() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path base = program.parent_path().parent_path();
  for (const fs::path& include : {base / "include", base.parent_path().parent_path() / "include"}) {
    if (!fs::exists(include / "weir" / "weir.h")) continue;
    for (const char* const library : {"lib", "lib64", "lib/x86_64-linux-gnu"}) {
      if (fs::exists(base / library / "libweir.so")) return Sdk{include.string(), (base / library).string()};
    }
  }
  return NotFound("the SDK's headers and libweir.so were not found beside " + program.string());
}

Status RunCompiler(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return Unavailable("cannot start the compiler");
  if (child == 0) {
    ::execvp(arguments[0], arguments.data());
    std::fprintf(stderr, "weir build: cannot run %s; install g++ or set CXX\n", arguments[0]);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
  return InvalidArgument("the job did not compile");
}

}  // namespace

int BuildJob(const BuildOptions& options) {
  const StatusOr<Sdk> sdk = FindSdk();
  if (!sdk.ok()) return FailCommand(sdk.status());
  const char* const compiler = std::getenv("CXX");
  std::vector<std::string> command = {compiler != nullptr ? compiler : "g++", "-std=c++20", "-O2", "-g1", "-fPIC", "-shared", "-Wall", "-I" + sdk->include_directory};
  command.insert(command.end(), options.compiler_flags.begin(), options.compiler_flags.end());
  command.insert(command.end(), options.sources.begin(), options.sources.end());
  // Symbols that neither the job nor libweir.so has are an error here, not in a worker.
  for (const std::string& flag : {std::string("-L") + sdk->library_directory, std::string("-lweir"), std::string("-Wl,--no-undefined"), std::string("-o"), options.output}) {
    command.push_back(flag);
  }
  if (options.verbose) {
    for (const std::string& word : command) std::printf("%s ", word.c_str());
    std::printf("\n");
    std::fflush(stdout);
  }
  if (const Status compiled = RunCompiler(command); !compiled.ok()) return FailCommand(compiled);
  if (const Status checked = CheckAbi(options.output); !checked.ok()) return FailCommand(checked);
  std::printf("Built %s\n", options.output.c_str());
  return 0;
}

}  // namespace weir
