#include "cli/output.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/hint.h"

namespace tdefs {
namespace {

void PrintLine(std::string_view label, std::string_view text) {
  fmt::print(stderr, "{}: {}\n", label, PrintableText(text));
}

}  // namespace

void PrintNote(std::string_view text) {
  PrintLine("note", text);
}

int PrintError(const Error& error) {
  std::fflush(stdout);
  PrintLine("error", error.Text());
  const std::string hint = HintFor(error);
  if (!hint.empty()) PrintLine("hint", hint);
  return error.ExitCode();
}

void PrintJson(const Json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void PrintField(std::string_view label, std::string_view value) {
  fmt::print("{:<14}{}\n", label, value);
}

std::string ExitCodeTable() {
  std::string table = fmt::format("{:>4}  {:<18}{}\n", 0, "ok", "success");
  for (int i = 0; i < kErrorCodeCount; ++i) {
    const ErrorTraits& traits = TraitsOf(static_cast<ErrorCode>(i));
    table += fmt::format("{:>4}  {:<18}{}\n", traits.exit_code, traits.label, traits.meaning);
  }
  return table;
}

std::string Printable(std::string_view name) {
  std::string printable;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '\\') {
      printable += fmt::format("\\{:03o}", byte);
    } else {
      printable += c;
    }
  }
  return printable;
}

std::string PrintableText(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

std::string TimeText(uint64_t unix_s) {
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr) return fmt::format("{} s since 1970", unix_s);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", utc);
}

std::string SizeText(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Status FlushOutput() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return FailErrno(errno, "write to standard output");
  return {};
}

}  // namespace tdefs
