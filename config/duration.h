// Durations as TiKV writes them: "7d", "1h30m", "1.5h", "500ms".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace tdefs {

// Numbers, each with a unit of d, h, m, s, ms, us, ns, each unit smaller than the one before (TiKV's
// ReadableDuration). Nothing for anything else: a sign, an exponent, "nan", a bare number, more than 292 years.
std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace tdefs
