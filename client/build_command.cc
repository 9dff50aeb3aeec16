#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/status_macros.h"
#include "client/commands.h"
#include "runtime/operator/job_library.h"
#include "runtime/operator/packed_files.h"

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

// Runs a program of the tool chain and waits for it.
Status RunTool(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return Unavailable("cannot start " + command[0]);
  if (child == 0) {
    ::execvp(arguments[0], arguments.data());
    std::fprintf(stderr, "weir build: cannot run %s; install g++ and binutils, or set CXX\n", arguments[0]);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Status::Ok();
  return InvalidArgument(command[0] + " failed");
}

bool IsSystemLibrary(const std::string& path) {
  return path.starts_with("/lib/") || path.starts_with("/lib64/") || path.starts_with("/usr/lib/") || path.starts_with("/usr/lib64/");
}

// The shared libraries that the job needs and that a plain machine does not have, as the dynamic linker resolves them here.
StatusOr<std::vector<std::string>> NonSystemLibraries(const std::string& library, const Sdk& sdk) {
  if ((library + sdk.library_directory).find_first_of("'\"$`\\") != std::string::npos) return InvalidArgument("path has a character that the shell would take, path=" + library);
  const std::string command = "LD_LIBRARY_PATH=\"" + sdk.library_directory + ":$LD_LIBRARY_PATH\" ldd '" + library + "' 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return Unavailable("cannot run ldd");
  std::vector<std::string> found;
  std::string missing;
  char line[4096];
  while (std::fgets(line, sizeof(line), pipe) != nullptr) {
    const std::string_view text = line;  // "\tlibfoo.so.1 => /opt/foo/libfoo.so.1 (0x...)"
    const size_t arrow = text.find(" => ");
    if (arrow == std::string_view::npos) continue;
    const std::string_view target = text.substr(arrow + 4);
    if (target.starts_with("not found")) missing += std::string(text.substr(1, arrow - 1)) + " ";
    const std::string path(target.substr(0, target.find(" (")));
    if (path.starts_with('/') && !IsSystemLibrary(path) && path.find("/libweir.so") == std::string::npos) found.push_back(path);
  }
  ::pclose(pipe);
  if (!missing.empty()) return NotFound("libraries that the job needs are not found: " + missing + "(set LD_LIBRARY_PATH)");
  return found;
}

// Everything becomes a section of the job library: one artifact, one hash.
Status PackFiles(const BuildOptions& options, const Sdk& sdk) {
  ASSIGN_OR_RETURN(const std::vector<std::string> libraries, NonSystemLibraries(options.output, sdk));
  std::vector<std::string> command = {"objcopy"};
  const auto add = [&command](std::string_view prefix, const std::string& path) {
    const std::string section = std::string(prefix) + fs::path(path).filename().string();
    command.insert(command.end(), {"--add-section", section + "=" + path, "--set-section-flags", section + "=noload,readonly"});
    std::printf("Packed %s\n", path.c_str());
  };
  for (const std::string& library : libraries) add(kPackedLibraryPrefix, library);
  for (const std::string& file : options.files) add(kPackedFilePrefix, file);
  if (command.size() == 1) return Status::Ok();
  command.push_back(options.output);
  return RunTool(command);
}

}  // namespace

int BuildJob(const BuildOptions& options) {
  const StatusOr<Sdk> sdk = FindSdk();
  if (!sdk.ok()) return FailCommand(sdk.status());
  const char* const compiler = std::getenv("CXX");
  std::vector<std::string> command = {compiler != nullptr ? compiler : "g++", "-std=c++20", "-O2", "-g1", "-fPIC", "-shared", "-Wall", "-I" + sdk->include_directory};
  command.insert(command.end(), options.sources.begin(), options.sources.end());
  // Behind the sources: the linker looks for symbols in libraries that come after their use.
  command.insert(command.end(), options.compiler_flags.begin(), options.compiler_flags.end());
  // Symbols that neither the job nor libweir.so has are an error here, not in a worker.
  for (const std::string& flag : {std::string("-L") + sdk->library_directory, std::string("-lweir"), std::string("-Wl,--no-undefined"), std::string("-o"), options.output}) {
    command.push_back(flag);
  }
  if (options.verbose) {
    for (const std::string& word : command) std::printf("%s ", word.c_str());
    std::printf("\n");
    std::fflush(stdout);
  }
  if (const Status compiled = RunTool(command); !compiled.ok()) return FailCommand(compiled);
  if (const Status packed = PackFiles(options, *sdk); !packed.ok()) return FailCommand(packed);
  if (const Status checked = CheckAbi(options.output); !checked.ok()) return FailCommand(checked);
  std::printf("Built %s\n", options.output.c_str());
  return 0;
}

}  // namespace weir
