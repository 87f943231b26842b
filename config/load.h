// Reads a Config from TOML and from mount options. Unknown keys are refused with file, line, column and the nearest
// known key; size and nesting are capped before the TOML library sees the text (config/toml_limits.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"

namespace tdefs {

// The configuration in a file, which may be a symlink but must lead to a regular file.
// All errors are kBadConfig: "FILE:LINE:COLUMN: key: found, expected".
Result<Config> LoadConfig(const std::string& path);
// `name` stands for the file in messages. A byte order mark at the start is skipped.
Result<Config> ParseConfig(std::string_view text, const std::string& name);

// Bounds one mount option. Their number is bounded by what the kernel takes as one argument, 128 KiB.
inline constexpr size_t kMountOptionBytesMax = 8192;

// The options of one `-o` argument: split at commas; `\,` is a comma inside an option and `\\` a backslash.
std::vector<std::string> SplitMountOptions(std::string_view options);
// One option: "ro", "rw", "key-file=PATH", "method=NAME", "allow-other", "no-direct-io", "threads=4", …; `_` may stand
// for `-`. The generic options that mount(8) passes for any filesystem (defaults, nofail, _netdev, x-…, …) are accepted
// and ignored, and so is "config=FILE", which the caller loads before it applies any option. kBadConfig.
Status ApplyMountOption(std::string_view option, Config& config);
// Text of a configuration as messages show it: one line of bounded length.
std::string OneLine(std::string_view text);
// What is wrong with a path in the configuration, as "it must be absolute"; empty if nothing is.
std::string PathDefect(std::string_view path);

}  // namespace tdefs
