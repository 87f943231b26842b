// Reads a Config from TOML and from mount options. Unknown keys are refused with file, line, column and the nearest
// known key; size and nesting are capped before the TOML library sees the text.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "config/config.h"

namespace tdefs {

inline constexpr size_t kConfigBytesMax = 1 << 20;
inline constexpr int kConfigDepthMax = 32;

// All errors are kBadConfig: "FILE:LINE:COLUMN: what; did you mean `x`?".
Result<Config> LoadConfig(const std::string& path);
// `name` stands for the file in messages.
Result<Config> ParseConfig(std::string_view text, const std::string& name);
// One `-o` option: "ro", "rw", "key-file=PATH", "allow-other", "no-direct-io", "threads=4", …; the generic options that
// mount(8) passes for any filesystem (defaults, nofail, _netdev, x-…, …) are accepted and ignored.
Status ApplyMountOption(std::string_view option, Config& config);
// A duration as TiKV writes it: "7d", "1h30m", "90s", "500ms" rounds up to a second; nothing if it is none.
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);

}  // namespace tdefs
