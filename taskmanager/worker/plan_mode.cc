#include "taskmanager/worker/plan_mode.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "proto/convert.h"
#include "proto/messages.pb.h"
#include "proto/planning/plan_properties.h"
#include "taskmanager/worker/job_loader.h"

namespace weir {
namespace {

constexpr uint32_t kParallelismMax = 32'768;

struct PlanArguments {
  JobSource source;
  int output_descriptor = -1;
  int pinned_descriptor = -1;  // Set: this is the second planning.
};

StatusOr<uint32_t> Number(std::string_view name, std::string_view text, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) {
    return InvalidArgument(std::string(name) + " needs a number up to " + std::to_string(max) + ", not \"" + std::string(text) + "\"");
  }
  return value;
}

StatusOr<PlanArguments> Parse(std::span<const char* const> arguments) {
  PlanArguments parsed;
  parsed.source.planning = true;
  std::vector<std::string> properties;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--") {
      parsed.source.arguments.assign(arguments.begin() + static_cast<ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (i + 1 == arguments.size()) return InvalidArgument("no value for " + std::string(name));
    const std::string_view value = arguments[++i];
    if (name == "--library") {
      parsed.source.library_path = value;
    } else if (name == "--output-fd") {
      ASSIGN_OR_RETURN(const uint32_t fd, Number(name, value, 1'000'000));
      parsed.output_descriptor = static_cast<int>(fd);
    } else if (name == "--again-fd") {
      ASSIGN_OR_RETURN(const uint32_t fd, Number(name, value, 1'000'000));
      parsed.pinned_descriptor = static_cast<int>(fd);
    } else if (name == "--parallelism") {
      ASSIGN_OR_RETURN(parsed.source.parallelism, Number(name, value, kParallelismMax));
    } else if (name == "--max-parallelism") {
      ASSIGN_OR_RETURN(parsed.source.max_parallelism, Number(name, value, kParallelismMax));
    } else if (name == "-D") {
      properties.emplace_back(value);
    } else {
      return InvalidArgument("unknown option " + std::string(name));
    }
  }
  if (parsed.source.library_path.empty() || parsed.output_descriptor < 0) return InvalidArgument("--library and --output-fd are needed");
  if (parsed.source.parallelism == 0) return InvalidArgument("--parallelism starts at 1");
  ASSIGN_OR_RETURN(parsed.source.defaults, PlanDefaultsFromProperties(properties));
  return parsed;
}

StatusOr<std::map<std::string, std::string>> ReadPinned(int fd) {
  std::string bytes;
  char piece[4'096];
  while (true) {
    const ssize_t count = ::read(fd, piece, sizeof(piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return InvalidArgument(std::string("pinned values cannot be read: ") + std::strerror(errno));
    if (count == 0) break;
    bytes.append(piece, static_cast<size_t>(count));
  }
  ::close(fd);
  proto::PinnedValues message;
  if (!message.ParseFromString(bytes)) return Corruption("pinned values do not decode");
  return std::map<std::string, std::string>(message.values().begin(), message.values().end());
}

proto::PlanResult Plan(const JobSource& source) {
  proto::PlanResult result;
  const StatusOr<std::unique_ptr<LoadedJob>> job = LoadJob(source);
  if (!job.ok()) {
    *result.mutable_failure() = ToProto(job.status(), {});
    return result;
  }
  const JobGraph& graph = (*job)->plan.graph;
  result.set_job_graph(graph.Encode());
  result.set_fingerprint(graph.Fingerprint());
  for (const auto& [name, value] : (*job)->stream_graph->pinned) (*result.mutable_pinned())[name] = value;
  return result;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

int RunPlanMode(std::span<const char* const> arguments, void (*use_other_surroundings)()) {
  StatusOr<PlanArguments> parsed = Parse(arguments);
  if (!parsed.ok()) {
    std::fprintf(stderr, "weir-worker --plan: %s\n", parsed.status().message().c_str());
    return 2;
  }
  if (parsed->pinned_descriptor >= 0) {
    StatusOr<std::map<std::string, std::string>> pinned = ReadPinned(parsed->pinned_descriptor);
    if (!pinned.ok()) {
      std::fprintf(stderr, "weir-worker --plan: %s\n", pinned.status().message().c_str());
      return 2;
    }
    parsed->source.planning = false;  // As a worker does.
    parsed->source.pinned = std::move(*pinned);
    use_other_surroundings();
  }
  const proto::PlanResult result = Plan(parsed->source);
  std::fflush(stdout);
  return WriteAll(parsed->output_descriptor, result.SerializeAsString()) ? 0 : 1;
}

}  // namespace weir
