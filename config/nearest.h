// "did you mean": the known name nearest to one that was mistyped.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tdefs {

// The candidate with the least edit distance (insert, remove, replace, swap of neighbours; `_` counts as `-`), or an
// empty view if none is near enough to be a slip of the hand.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> candidates);
// "; did you mean `x`?", or nothing.
std::string Suggestion(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace tdefs
