// What the text of a configuration must keep to before the TOML library may see it: size, nesting, number of values
// (the library recurses and keeps copies of each value), and UTF-8 (toml11 3.7 reads out of bounds where a string is
// not). A scan of the bytes that knows strings and comments, nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tdefs {

inline constexpr size_t kConfigBytesMax = 1 << 20;
inline constexpr int kConfigDepthMax = 32;        // of brackets, and of the parts of a dotted key
inline constexpr size_t kConfigValuesMax = 1024;  // of `=` and `,`

// kBadConfig: "NAME:LINE:COLUMN: what was found, what is allowed".
Status CheckTomlLimits(std::string_view text, const std::string& name);

}  // namespace tdefs
