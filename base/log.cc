#include "base/log.h"

// Header-only, so that no symbol of spdlog leaves this file.
#define SPDLOG_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#define SPDLOG_LEVEL_NAMES {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"}
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

namespace weir {
namespace {

constexpr char kLinePattern[] = "%Y-%m-%d %H:%M:%S,%e %-5l %n [] - %v";  // As Flink's log4j set-up writes it.

using Sinks = std::vector<std::shared_ptr<spdlog::sinks::sink>>;

std::shared_ptr<const Sinks> StderrOnly() {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern(kLinePattern);
  return std::make_shared<const Sinks>(Sinks{std::move(sink)});
}

// The one global of the process. Shared ownership: a thread may still write a line while InitLog replaces the sinks.
// Never destroyed, so that other static destructors may log.
struct LogState {
  std::atomic<LogLevel> level = LogLevel::kInfo;
  std::mutex mutex;
  std::shared_ptr<const Sinks> sinks = StderrOnly();  // Guarded by mutex.
};

LogState& State() {
  static LogState* const state = new LogState;
  return *state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string LoggerName(std::string_view source_file) {
  while (source_file.starts_with("./") || source_file.starts_with("../") || source_file.starts_with("/")) {
    source_file.remove_prefix(source_file.find('/') + 1);
  }
  source_file = source_file.substr(0, source_file.rfind('.'));
  std::string name = "weir.";
  for (const char c : source_file) name.push_back(c == '/' ? '.' : c);
  return name;
}

}  // namespace

Status InitLog(const LogOptions& options) {
  if (options.file_size_max_bytes == 0 || options.file_count_max == 0) {
    return InvalidArgument("log set-up refused: size and count of the files must be at least 1");
  }
  Sinks sinks;
  try {
    if (options.to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    if (!options.file.empty()) {
      sinks.push_back(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          options.file, options.file_size_max_bytes, options.file_count_max));
    }
    for (const auto& sink : sinks) sink->set_pattern(kLinePattern);
  } catch (const std::exception& error) {
    return Unavailable("log file cannot be opened, path=" + options.file + " error=" + error.what());
  }
  LogState& state = State();
  auto replacement = std::make_shared<const Sinks>(std::move(sinks));
  {
    std::lock_guard lock(state.mutex);
    state.sinks.swap(replacement);
  }
  state.level.store(options.level, std::memory_order_relaxed);
  return Status::Ok();
}

bool LogEnabled(LogLevel level) { return level >= State().level.load(std::memory_order_relaxed); }

void LogFormatted(LogLevel level, std::string_view source_file, fmt::string_view format, fmt::format_args arguments) {
  LogState& state = State();
  std::shared_ptr<const Sinks> sinks;
  {
    std::lock_guard lock(state.mutex);
    sinks = state.sinks;
  }
  // A log line that cannot be written, say on a full disk, must not take the process down nor vanish without a word.
  try {
    const std::string text = fmt::vformat(format, arguments);
    const std::string name = LoggerName(source_file);
    const spdlog::details::log_msg line(name, ToSpdlog(level), text);
    for (const auto& sink : *sinks) {
      sink->log(line);
      sink->flush();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "log line lost: %s\n", error.what());
  }
}

}  // namespace weir
