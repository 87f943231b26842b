// Logging for the whole program, over spdlog: text or JSON lines to standard error or a file.
// No key, IV or secret is ever passed to it; paths inside the mount only through LogPath().
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace tdefs {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool json = false;
  std::string file;          // empty: standard error
  bool syslog = false;       // without a file: to syslog (the journal), and only warnings to standard error
  bool redact_paths = true;  // LogPath() hides names unless the level is debug
};

// Replaces the program's logger. Called once, before threads start; until then messages go to standard error as text.
Status SetUpLogging(const LogOptions& options);
void LogMessage(LogLevel level, std::string_view message);
bool LogEnabled(LogLevel level);
// The path as it may appear in a message: itself, or "<redacted>".
std::string_view LogPath(std::string_view path);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogMessage(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tdefs
