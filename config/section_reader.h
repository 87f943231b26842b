// Reads one TOML table into typed settings, checks ranges, and refuses what nobody read. All errors are kBadConfig:
// "FILE:LINE:COLUMN: key: found, expected".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/toml_tree.h"

namespace tdefs {

// Inclusive bounds; the unit stands in messages: "threads".
struct Range {
  uint64_t least = 0, most = 0;
  std::string_view unit;
};

// Each Read leaves `out` as it is where the key is absent, and notes the key as known.
class SectionReader {
 public:
  // `table` is kept and must outlive the reader; `path` is the table's name in messages, empty for the root.
  SectionReader(const std::string& file, const TomlNode& table, std::string path)
      : file_(file), table_(table), path_(std::move(path)) {}

  Status Read(std::string_view key, bool& out);
  Status Read(std::string_view key, std::string& out);
  Status Read(std::string_view key, uint64_t& out, const Range& range);
  Status Read(std::string_view key, uint32_t& out, const Range& range);
  // A duration of at least a second; fractions round up.
  Status Read(std::string_view key, std::chrono::seconds& out);
  // An absolute path, without `~`, `$` and control bytes.
  Status ReadPath(std::string_view key, std::string& out);
  // Index of the string among `choices`, case-insensitive.
  Status ReadChoice(std::string_view key, std::optional<size_t>& out, std::span<const std::string_view> choices);
  // A sub-table, or nothing if absent.
  Result<std::optional<SectionReader>> Table(std::string_view key);
  // The kind of a key's value, or nothing if absent; does not note the key as known.
  std::optional<TomlNode::Kind> KindOf(std::string_view key) const;

  // Refuses the first key that no Read asked for. Called last.
  Status RefuseUnknown() const;
  // An error at the place of `key`.
  std::unexpected<Error> Refuse(std::string_view key, const std::string& what) const;

 private:
  const TomlMember* Find(std::string_view key) const;
  // The member if present and of this kind; null if absent.
  Result<const TomlMember*> FindKind(std::string_view key, TomlNode::Kind kind, std::string_view expected);

  const std::string& file_;
  const TomlNode& table_;
  std::string path_;
  std::vector<std::string_view> known_;
};

}  // namespace tdefs
