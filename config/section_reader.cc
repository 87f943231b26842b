#include "config/section_reader.h"

#include <fmt/core.h>
#include <strings.h>

#include <algorithm>
#include <climits>

#include "config/duration.h"
#include "config/load.h"
#include "config/nearest.h"

namespace tdefs {
namespace {

std::string Describe(const TomlNode& node) {
  switch (node.kind) {
    case TomlNode::Kind::kBoolean:
      return fmt::format("the boolean {}", node.boolean);
    case TomlNode::Kind::kInteger:
      return fmt::format("the integer {}", node.integer);
    case TomlNode::Kind::kFloat:
      return "a floating-point number";
    case TomlNode::Kind::kTime:
      return "a date or time";
    case TomlNode::Kind::kArray:
      return "an array";
    case TomlNode::Kind::kTable:
      return "a table";
    case TomlNode::Kind::kString:
      break;
  }
  return fmt::format("\"{}\"", OneLine(node.text));
}

}  // namespace

std::string OneLine(std::string_view text) {
  constexpr size_t kShownBytesMax = 60;
  std::string shown(text.substr(0, kShownBytesMax));
  std::ranges::replace_if(
      shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return shown + (text.size() > kShownBytesMax ? "…" : "");
}

std::string PathDefect(std::string_view path) {
  if (path.empty()) return "it is empty";
  if (path.size() >= PATH_MAX) return fmt::format("it has {} bytes, at most {} are allowed", path.size(), PATH_MAX - 1);
  if (path.front() == '~' || path.find('$') != std::string_view::npos)
    return "it must be absolute; ~ and $ are not expanded";
  if (path.front() != '/') return "it must be absolute";
  const bool is_clean = std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return is_clean ? std::string() : "it holds a control character";
}

const TomlMember* SectionReader::Find(std::string_view key) const {
  auto member = std::ranges::find(table_.members, key, &TomlMember::key);
  return member == table_.members.end() ? nullptr : &*member;
}

Result<const TomlMember*> SectionReader::FindKind(std::string_view key, TomlNode::Kind kind,
                                                  std::string_view expected) {
  known_.push_back(key);
  const TomlMember* member = Find(key);
  if (member && member->value.kind != kind) {
    return Refuse(key, fmt::format("found {}, expected {}", Describe(member->value), expected));
  }
  return member;
}

std::optional<TomlNode::Kind> SectionReader::KindOf(std::string_view key) const {
  const TomlMember* member = Find(key);
  if (!member) return std::nullopt;
  return member->value.kind;
}

Status SectionReader::Read(std::string_view key, bool& out) {
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kBoolean, "true or false"));
  if (member) out = member->value.boolean;
  return {};
}

Status SectionReader::Read(std::string_view key, std::string& out) {
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kString, "a string"));
  if (member) out = member->value.text;
  return {};
}

Status SectionReader::Read(std::string_view key, uint64_t& out, const Range& range) {
  const std::string expected = fmt::format("{} to {} {}", range.least, range.most, range.unit);
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kInteger, expected));
  if (!member) return {};
  const int64_t value = member->value.integer;
  if (value < 0 || static_cast<uint64_t>(value) < range.least || static_cast<uint64_t>(value) > range.most) {
    return Refuse(key, fmt::format("found {}, expected {}", value, expected));
  }
  out = static_cast<uint64_t>(value);
  return {};
}

Status SectionReader::Read(std::string_view key, uint32_t& out, const Range& range) {
  uint64_t wide = out;
  TRY(Read(key, wide, range));
  out = static_cast<uint32_t>(wide);
  return {};
}

Status SectionReader::Read(std::string_view key, std::chrono::seconds& out) {
  constexpr std::string_view kExpected = "a duration of at least a second, such as \"7d\" or \"1h30m\"";
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kString, kExpected));
  if (!member) return {};
  auto duration = ParseDuration(member->value.text);
  if (!duration || *duration < std::chrono::seconds(1)) {
    return Refuse(key, fmt::format("found {}, expected {}", Describe(member->value), kExpected));
  }
  out = std::chrono::ceil<std::chrono::seconds>(*duration);
  return {};
}

Status SectionReader::ReadPath(std::string_view key, std::string& out) {
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kString, "an absolute path"));
  if (!member) return {};
  if (std::string defect = PathDefect(member->value.text); !defect.empty()) {
    return Refuse(key, fmt::format("found the path {}: {}", Describe(member->value), defect));
  }
  out = member->value.text;
  return {};
}

Status SectionReader::ReadChoice(std::string_view key, std::optional<size_t>& out,
                                 std::span<const std::string_view> choices) {
  std::string expected = "one of";
  for (std::string_view choice : choices) expected += fmt::format(" \"{}\"", choice);
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kString, expected));
  if (!member) return {};
  const std::string& text = member->value.text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].size() == text.size() && strncasecmp(choices[i].data(), text.data(), text.size()) == 0) {
      out = i;
      return {};
    }
  }
  return Refuse(key,
                fmt::format("found {}, expected {}{}", Describe(member->value), expected, Suggestion(text, choices)));
}

Result<std::optional<SectionReader>> SectionReader::Table(std::string_view key) {
  const TomlMember* member = TRY(FindKind(key, TomlNode::Kind::kTable, "a table"));
  if (!member) return std::nullopt;
  return SectionReader(file_, member->value, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
}

Status SectionReader::RefuseUnknown() const {
  for (const TomlMember& member : table_.members) {
    if (std::ranges::find(known_, member.key) != known_.end()) continue;
    const bool is_table = member.value.kind == TomlNode::Kind::kTable;
    return Refuse(member.key, fmt::format("unknown {}{}{}", is_table ? "table" : "key",
                                          path_.empty() ? "" : " in [" + path_ + "]", Suggestion(member.key, known_)));
  }
  return {};
}

std::unexpected<Error> SectionReader::Refuse(std::string_view key, const std::string& what) const {
  const TomlMember* member = Find(key);
  std::string place = member ? fmt::format("{}:{}:{}", file_, member->line, member->column) : file_;
  return Fail(ErrorCode::kBadConfig, fmt::format("{}: {}: {}", place, OneLine(key), what));
}

}  // namespace tdefs
