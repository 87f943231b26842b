// Arithmetic on offsets and sizes that says so instead of wrapping, and alignment to powers of two.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

namespace tdefs {

template <std::integral T>
std::optional<T> CheckedAdd(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// Requires: alignment is a power of two.
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}
// Requires: alignment is a power of two, and value + alignment does not wrap.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return AlignDown(value + alignment - 1, alignment);
}
constexpr bool IsAligned(uint64_t value, uint64_t alignment) {
  return (value & (alignment - 1)) == 0;
}

}  // namespace tdefs
