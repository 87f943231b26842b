#include "config/toml_tree.h"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>
#include <toml.hpp>

namespace tdefs {
namespace {

// toml11 knows where a value or a table's header is; the key is the last mention of its name before that.
void PlaceMember(const toml::value& value, TomlMember& member) {
  const toml::source_location place = value.location();
  const std::string& line = place.line_str();
  const bool is_header = value.is_table() && line.substr(place.column() - 1, 1) != "{";
  const size_t before = is_header ? std::string::npos : place.column() - 1;
  const size_t found = line.rfind(member.key, before);
  member.line = place.line();
  member.column = found == std::string::npos ? place.column() : static_cast<uint32_t>(found + 1);
}

TomlNode Convert(const toml::value& value) {
  TomlNode node;
  switch (value.type()) {
    case toml::value_t::boolean:
      node.kind = TomlNode::Kind::kBoolean;
      node.boolean = value.as_boolean();
      break;
    case toml::value_t::integer:
      node.kind = TomlNode::Kind::kInteger;
      node.integer = value.as_integer();
      break;
    case toml::value_t::floating:
      node.kind = TomlNode::Kind::kFloat;
      break;
    case toml::value_t::string:
      node.kind = TomlNode::Kind::kString;
      node.text = value.as_string().str;
      break;
    case toml::value_t::array:
      node.kind = TomlNode::Kind::kArray;
      break;
    case toml::value_t::table:
      for (const auto& [key, child] : value.as_table()) {
        TomlMember member{key, Convert(child)};
        PlaceMember(child, member);
        node.members.push_back(std::move(member));
      }
      std::ranges::sort(node.members, {}, [](const TomlMember& m) { return std::tie(m.line, m.column, m.key); });
      break;
    default:
      node.kind = TomlNode::Kind::kTime;
      break;
  }
  return node;
}

struct Complaint {
  size_t line, column;
  std::string what;
};

// toml11's message is a picture: a headline "[error] toml::function: reason", then excerpts, each a numbered line
// " 3 | text" and beneath it "   |  ^--- remark". The last excerpt is where the parser stood.
Complaint ReadPicture(const toml::syntax_error& error) {
  Complaint complaint{error.location().line(), error.location().column(), {}};
  std::istringstream picture(error.what());
  std::string line, remark;
  std::getline(picture, line);
  const size_t reason = line.find(": ");
  complaint.what = reason == std::string::npos ? line : line.substr(reason + 2);
  while (std::getline(picture, line)) {
    const size_t bar = line.find(" | ");
    if (bar == std::string::npos) continue;
    const std::string number = line.substr(0, bar);
    if (number.find_first_of("0123456789") != std::string::npos) {
      complaint.line = std::stoul(number);
      continue;
    }
    const size_t mark = line.find_first_of("^~", bar + 3);
    if (mark == std::string::npos) continue;
    complaint.column = mark - bar - 2;
    const size_t end = line.find(' ', mark);
    remark = end == std::string::npos ? std::string() : line.substr(end + 1);
  }
  while (complaint.what.ends_with('.')) complaint.what.pop_back();
  if (!remark.empty()) complaint.what += " (" + remark + ")";
  return complaint;
}

}  // namespace

Result<TomlNode> ParseToml(std::string_view text, const std::string& name) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  try {
    std::istringstream stream{std::string(text)};
    return Convert(toml::parse(stream, name));
  } catch (const toml::syntax_error& error) {
    const Complaint complaint = ReadPicture(error);
    return Fail(ErrorCode::kBadConfig,
                fmt::format("{}:{}:{}: {}", name, complaint.line, complaint.column, complaint.what));
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    return Fail(ErrorCode::kBadConfig, fmt::format("{}: not TOML: {}", name, what.substr(0, what.find('\n'))));
  }
}

}  // namespace tdefs
