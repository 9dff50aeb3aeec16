#include "proto/planning/planner_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/status_macros.h"
#include "proto/child_process.h"
#include "base/file_descriptor.h"
#include "proto/messages.pb.h"
#include "proto/planning/plan_properties.h"
#include "runtime/graph/graph_difference.h"

namespace weir {
namespace {

constexpr int kResultDescriptor = 3;
constexpr int kPinnedDescriptor = 4;
constexpr size_t kResultBytesMax = 64u << 20;
constexpr size_t kStderrTailBytes = 16 * 1024;

using SteadyClock = std::chrono::steady_clock;

// What comes out of the child until both pipes are at their end.
struct ChildOutput {
  std::string result;
  std::string stderr_tail;
};

// False when the pipe is at its end.
bool ReadSome(int fd, std::string& bytes) {
  std::array<char, 65'536> piece;
  const ssize_t count = ::read(fd, piece.data(), piece.size());
  if (count > 0) bytes.append(piece.data(), static_cast<size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

Status ReadOutput(int result_pipe, int stderr_pipe, SteadyClock::time_point deadline, ChildOutput& output) {
  std::array<pollfd, 2> pipes = {pollfd{result_pipe, POLLIN, 0}, pollfd{stderr_pipe, POLLIN, 0}};
  // Only the result's end matters: a grandchild may hold stderr open.
  while (pipes[0].fd >= 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return DeadlineExceeded("");
    if (::poll(pipes.data(), pipes.size(), static_cast<int>(std::min<int64_t>(left, 1'000))) < 0 && errno != EINTR) break;
    if (pipes[0].revents != 0 && !ReadSome(result_pipe, output.result)) pipes[0].fd = -1;
    if (pipes[1].revents != 0 && !ReadSome(stderr_pipe, output.stderr_tail)) pipes[1].fd = -1;
    if (output.result.size() > kResultBytesMax) return Corruption("planning child wrote too long a result");
    if (output.stderr_tail.size() > 2 * kStderrTailBytes) output.stderr_tail.erase(0, output.stderr_tail.size() - kStderrTailBytes);
  }
  return Status::Ok();
}

// The rest of stderr that is already there: the stack of a crash is written just before the end.
void DrainStderr(int stderr_pipe, std::string& tail) {
  ::fcntl(stderr_pipe, F_SETFL, O_NONBLOCK);
  while (ReadSome(stderr_pipe, tail)) {
  }
  if (tail.size() > kStderrTailBytes) tail.erase(0, tail.size() - kStderrTailBytes);
}

StatusOr<int> WaitUntil(pid_t child, SteadyClock::time_point deadline) {
  // The result pipe is closed: the end is near. SIGKILL when it is not.
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) return Internal("planning child is gone");
    if (SteadyClock::now() >= deadline) break;
    ::poll(nullptr, 0, 1);
  }
  ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return DeadlineExceeded("");
}

StatusOr<PlannedJob> Decode(const std::string& bytes) {
  proto::PlanResult result;
  if (bytes.empty() || !result.ParseFromString(bytes)) return Corruption("planning child wrote a damaged result");
  if (result.has_failure()) {
    StatusCode code = StatusCode::kUserError;
    for (const StatusCode known : {StatusCode::kInvalidArgument, StatusCode::kFailedPrecondition, StatusCode::kNotFound}) {
      if (StatusCodeName(known) == result.failure().code()) code = known;
    }
    return Status(code, result.failure().message());
  }
  PlannedJob planned;
  ASSIGN_OR_RETURN(planned.graph, JobGraph::Decode(result.job_graph()));
  planned.fingerprint = result.fingerprint();
  if (planned.graph.Fingerprint() != planned.fingerprint) return Corruption("planning child wrote a graph that does not match its fingerprint");
  planned.pinned.insert(result.pinned().begin(), result.pinned().end());
  return planned;
}

constexpr char kDependsOnMore[] =
    "a job's entry may depend on its arguments only, since every worker runs it again: take time, host name, random numbers, environment and files "
    "through env.Pinned(\"name\", function), which calls the function once, or pass them as arguments";

std::string WithStderr(std::string message, const std::string& stderr_tail) {
  return stderr_tail.empty() ? message : message + "\n" + stderr_tail;
}

using PinnedValues = std::map<std::string, std::string>;

// A file in memory, to be read from its start.
StatusOr<FileDescriptor> MemoryFile(std::string_view bytes) {
  FileDescriptor file(::memfd_create("weir-pinned", MFD_CLOEXEC));
  if (!file.valid()) return Unavailable(std::string("no file in memory can be made: ") + std::strerror(errno));
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unavailable(std::string("a file in memory cannot be written: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return Internal("a file in memory has no start");
  return file;
}

// `pinned`: of a first planning; null for the first one.
StatusOr<PlannedJob> Plan(const PlanRequest& request, const PinnedValues* pinned) {
  const SteadyClock::time_point deadline = SteadyClock::now() + std::chrono::milliseconds(request.timeout_ms);
  ASSIGN_OR_RETURN(DescriptorPair result, NewPipe());
  ASSIGN_OR_RETURN(DescriptorPair errors, NewPipe());
  ChildProgram program;
  program.path = request.worker_program.empty() ? ProgramDirectory() + "/weir-worker" : request.worker_program;
  program.arguments = {"--plan", "--library", request.library, "--output-fd", std::to_string(kResultDescriptor),
                       "--parallelism", std::to_string(request.parallelism),
                       "--max-parallelism", std::to_string(request.max_parallelism)};
  for (const std::string& property : ToProperties(request.defaults)) {
    program.arguments.push_back("-D");
    program.arguments.push_back(property);
  }
  FileDescriptor pinned_file;
  FileDescriptor nowhere;
  program.descriptors = {{result.second.get(), kResultDescriptor}, {errors.second.get(), STDERR_FILENO}};
  if (pinned != nullptr) {
    proto::PinnedValues values;
    values.mutable_values()->insert(pinned->begin(), pinned->end());
    ASSIGN_OR_RETURN(pinned_file, MemoryFile(values.SerializeAsString()));
    nowhere = FileDescriptor(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (!nowhere.valid()) return Unavailable(std::string("/dev/null cannot be opened: ") + std::strerror(errno));
    program.arguments.insert(program.arguments.end(), {"--again-fd", std::to_string(kPinnedDescriptor)});
    program.descriptors.push_back({pinned_file.get(), kPinnedDescriptor});
    program.descriptors.push_back({nowhere.get(), STDOUT_FILENO});
  }
  program.arguments.push_back("--");
  program.arguments.insert(program.arguments.end(), request.arguments.begin(), request.arguments.end());
  ASSIGN_OR_RETURN(const pid_t child, StartChild(program));
  result.second.Close();
  errors.second.Close();

  ChildOutput output;
  const Status read = ReadOutput(result.first.get(), errors.first.get(), deadline, output);
  const StatusOr<int> end = WaitUntil(child, read.ok() ? deadline : SteadyClock::now());
  DrainStderr(errors.first.get(), output.stderr_tail);
  const std::string late = "planning the job took longer than " + std::to_string(request.timeout_ms) + " ms: its entry must only build the dataflow";
  if (read.code() == StatusCode::kDeadlineExceeded) return DeadlineExceeded(WithStderr(late, output.stderr_tail));
  if (!read.ok()) return read;
  if (!end.ok()) return DeadlineExceeded(WithStderr(late, output.stderr_tail));
  if (*end == 0 && !output.result.empty()) return Decode(output.result);
  const bool left = WIFEXITED(*end);
  return UserError(WithStderr(std::string("the job's code ended the planning process: it ") + DescribeExit(*end) +
                                  (left ? "; the entry of a job must not call exit" : ""),
                              output.stderr_tail));
}

}  // namespace

StatusOr<PlannedJob> PlanInChild(const PlanRequest& request) { return Plan(request, nullptr); }

StatusOr<PlannedJob> PlanInChildTwice(const PlanRequest& request) {
  ASSIGN_OR_RETURN(PlannedJob first, Plan(request, nullptr));
  const StatusOr<PlannedJob> second = Plan(request, &first.pinned);
  if (!second.ok()) {
    return Status(second.status().code(), std::string("the job was planned, but not a second time with another clock, host name and random seed: ") +
                                              second.status().message() + "\n" + kDependsOnMore);
  }
  if (first.fingerprint == second->fingerprint) return first;
  return FailedPrecondition("the job's entry built another dataflow when it ran again with another clock, host name and random seed: " +
                            DescribeDifference(first.graph, second->graph) + "; " + kDependsOnMore);
}

}  // namespace weir
