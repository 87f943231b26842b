#include "config/duration.h"

#include <array>
#include <cstdint>
#include <limits>

namespace tdefs {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
// Largest first.
constexpr std::array<Unit, 7> kUnits = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};
constexpr size_t kDigitsMax = 18;  // of a number before and after its point, so that neither overflows 64 bits

std::string_view TakeWhile(std::string_view& text, bool (*wanted)(char)) {
  size_t size = 0;
  while (size < text.size() && wanted(text[size])) ++size;
  std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLetter(char c) {
  return c >= 'a' && c <= 'z';
}

int64_t Number(std::string_view digits) {
  int64_t value = 0;
  for (char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

std::optional<size_t> UnitIndex(std::string_view name) {
  for (size_t i = 0; i < kUnits.size(); ++i) {
    if (kUnits[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  __extension__ using Wide = __int128;
  if (text.empty()) return std::nullopt;
  Wide total = 0;
  size_t smallest_allowed = 0;
  while (!text.empty()) {
    std::string_view whole = TakeWhile(text, IsDigit);
    std::string_view fraction;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      fraction = TakeWhile(text, IsDigit);
      if (fraction.empty()) return std::nullopt;
    }
    if (whole.empty() || whole.size() > kDigitsMax || fraction.size() > kDigitsMax) return std::nullopt;
    std::optional<size_t> unit = UnitIndex(TakeWhile(text, IsLetter));
    if (!unit || *unit < smallest_allowed) return std::nullopt;
    smallest_allowed = *unit + 1;

    Wide scale = 1;
    for (size_t i = 0; i < fraction.size(); ++i) scale *= 10;
    total +=
        Wide{Number(whole)} * kUnits[*unit].nanoseconds + Wide{Number(fraction)} * kUnits[*unit].nanoseconds / scale;
  }
  if (total > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<int64_t>(total));
}

}  // namespace tdefs
