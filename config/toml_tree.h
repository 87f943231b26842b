// A TOML document as a plain tree with the place of each key. toml_tree.cc is the only file that knows the TOML
// library, so that its exceptions and its compile time stay there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tdefs {

struct TomlMember;

struct TomlNode {
  enum class Kind : uint8_t { kBoolean, kInteger, kFloat, kString, kTime, kArray, kTable };
  Kind kind = Kind::kTable;
  bool boolean = false;
  int64_t integer = 0;              // integers beyond 64 bits are the nearest 64-bit one
  std::string text;                 // of a string
  std::vector<TomlMember> members;  // of a table, in the order of the text
};

struct TomlMember {
  std::string key;
  TomlNode value;
  uint32_t line = 1, column = 1;  // of the key, counted from 1; columns are bytes
};

// Requires: CheckTomlLimits passed. kBadConfig: "NAME:LINE:COLUMN: what".
Result<TomlNode> ParseToml(std::string_view text, const std::string& name);

}  // namespace tdefs
