// The counter of counter mode: which 16-byte block is encrypted to make the keystream of a unit of a file
// (NIST SP 800-38A 6.5 and B.1; the same for SM4 and in TiKV).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace tdefs {

// Content is handled in units of the ciphers' block size, aligned in the file.
inline constexpr size_t kUnitBytes = 16;
using Iv = std::array<std::byte, kUnitBytes>;

// IV + offset / 16 as a 128-bit big-endian number; it wraps at 2^128.
inline Iv CounterAt(const Iv& iv, uint64_t offset_bytes) {
  constexpr size_t kHalf = sizeof(uint64_t);
  const uint64_t high = LoadBigEndian<uint64_t>(iv.data());
  uint64_t low = LoadBigEndian<uint64_t>(iv.data() + kHalf);
  const uint64_t carry = __builtin_add_overflow(low, offset_bytes / kUnitBytes, &low) ? 1 : 0;
  Iv counter;
  StoreBigEndian(high + carry, counter.data());
  StoreBigEndian(low, counter.data() + kHalf);
  return counter;
}

}  // namespace tdefs
