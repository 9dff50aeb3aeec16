// Logging: LOG_INFO("fixed words first, key={}", value). Thread-safe; goes to stderr until InitLog.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

#include <weir/core/status.h>

namespace weir {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  std::string file;                            // Empty: no file. Rotated: x.log, x.1.log (the newest old one), ...
  uint64_t file_size_max_bytes = 64ull << 20;  // Per file.
  uint32_t file_count_max = 10;                // Old files that are kept.
  bool to_stderr = true;
};

// Replaces what was set up before; lines logged meanwhile go to either. kInvalidArgument when a bound is 0,
// kUnavailable when the file cannot be opened: then nothing has changed.
Status InitLog(const LogOptions& options);

bool LogEnabled(LogLevel level);

// What the macros end in; `source_file` becomes the logger's name: base/log.cc -> weir.base.log.
void LogFormatted(LogLevel level, std::string_view source_file, fmt::string_view format, fmt::format_args arguments);

template <class... Args>
void LogAt(LogLevel level, std::string_view source_file, fmt::format_string<const Args&...> format,
           const Args&... arguments) {
  LogFormatted(level, source_file, format, fmt::make_format_args(arguments...));
}

}  // namespace weir

#define WEIR_LOG(level, ...)                                                                  \
  do {                                                                                        \
    if (::weir::LogEnabled(level)) ::weir::LogAt(level, __FILE__, __VA_ARGS__);               \
  } while (false)

#define LOG_DEBUG(...) WEIR_LOG(::weir::LogLevel::kDebug, __VA_ARGS__)
#define LOG_INFO(...) WEIR_LOG(::weir::LogLevel::kInfo, __VA_ARGS__)
#define LOG_WARN(...) WEIR_LOG(::weir::LogLevel::kWarn, __VA_ARGS__)
#define LOG_ERROR(...) WEIR_LOG(::weir::LogLevel::kError, __VA_ARGS__)
