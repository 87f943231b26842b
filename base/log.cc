#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace tdefs {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>(
      "tdefs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  bool json = false;
  bool redact_paths = true;
};

State& GetState() {
  static State state;
  return state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// The message as the inside of a JSON string (RFC 8259 section 7); bytes above 0x7f pass as they are.
std::string EscapeJson(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

Status SetUpLogging(const LogOptions& options) {
  State& state = GetState();
  try {
    spdlog::sink_ptr sink;
    if (options.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    }
    state.logger = std::make_shared<spdlog::logger>("tdefs", std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    return Fail(ErrorCode::kBadConfig, fmt::format("log file {}: {}", options.file, error.what()));
  }
  state.json = options.json;
  state.redact_paths = options.redact_paths && options.level != LogLevel::kDebug;
  state.logger->set_level(ToSpdlog(options.level));
  state.logger->flush_on(spdlog::level::info);
  state.logger->set_pattern(options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})"
                                         : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return {};
}

bool LogEnabled(LogLevel level) { return GetState().logger->should_log(ToSpdlog(level)); }

void LogMessage(LogLevel level, std::string_view message) {
  State& state = GetState();
  if (state.json) {
    state.logger->log(ToSpdlog(level), EscapeJson(message));
  } else {
    state.logger->log(ToSpdlog(level), message);
  }
}

std::string_view LogPath(std::string_view path) { return GetState().redact_paths ? "<redacted>" : path; }

}  // namespace tdefs
