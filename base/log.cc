#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <vector>

namespace tdefs {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger =
      std::make_shared<spdlog::logger>("tdefs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  bool json = false;
  bool redact_paths = true;
};

State& GetState() {
  static State state;
  return state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// The message as a JSON string with its quotes; bytes that are no UTF-8 (file names) become U+FFFD.
std::string ToJson(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<spdlog::sink_ptr> MakeSinks(const LogOptions& options) {
  if (!options.file.empty()) return {std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file)};
  auto terminal = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (!options.syslog) return {terminal};
  // What goes to the journal is for later; what matters at once is said on the terminal too, as long as there is one.
  terminal->set_level(spdlog::level::warn);
  return {terminal, std::make_shared<spdlog::sinks::syslog_sink_mt>("tdefs", LOG_PID, LOG_DAEMON, false)};
}

}  // namespace

Status SetUpLogging(const LogOptions& options) {
  State& state = GetState();
  try {
    const std::vector<spdlog::sink_ptr> sinks = MakeSinks(options);
    state.logger = std::make_shared<spdlog::logger>("tdefs", sinks.begin(), sinks.end());
  } catch (const spdlog::spdlog_ex& error) {
    return Fail(ErrorCode::kBadConfig, fmt::format("log file {}: {}", options.file, error.what()));
  }
  state.json = options.json;
  state.redact_paths = options.redact_paths && options.level != LogLevel::kDebug;
  state.logger->set_level(ToSpdlog(options.level));
  state.logger->flush_on(spdlog::level::info);
  state.logger->set_pattern(options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%v})"
                                         : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return {};
}

bool LogEnabled(LogLevel level) {
  return GetState().logger->should_log(ToSpdlog(level));
}

void LogMessage(LogLevel level, std::string_view message) {
  State& state = GetState();
  if (state.json) {
    state.logger->log(ToSpdlog(level), ToJson(message));
  } else {
    state.logger->log(ToSpdlog(level), message);
  }
}

std::string_view LogPath(std::string_view path) {
  return GetState().redact_paths ? "<redacted>" : path;
}

}  // namespace tdefs
