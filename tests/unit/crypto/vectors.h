// What the crypto tests share: bytes from hexadecimal, and bytes that are the same in each run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string_view>

#include "base/bytes.h"
#include "base/method.h"
#include "crypto/counter.h"

namespace tdefs {

// Requires: valid hexadecimal (a test fails by exception where it is not).
inline Bytes Hex(std::string_view digits) {
  return FromHex(digits).value();
}

inline Iv IvOf(std::string_view digits) {
  Iv iv{};
  const Bytes bytes = Hex(digits);
  std::copy_n(bytes.begin(), std::min(bytes.size(), iv.size()), iv.begin());
  return iv;
}

// Bytes of a fixed sequence for each seed; none is zero, so no hole and no zero block is among them by chance.
inline Bytes NonZeroBytes(size_t size, uint32_t seed) {
  std::minstd_rand generator(seed + 1);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(1 + generator() / 7 % 255);
  return bytes;
}

// A key of the method's length, for tests only.
inline Bytes TestKey(Method method, uint32_t seed = 1) {
  return NonZeroBytes(MethodKeyBytes(method), seed);
}

inline constexpr Method kCtrMethods[] = {Method::kAes128Ctr, Method::kAes192Ctr, Method::kAes256Ctr, Method::kSm4Ctr};

}  // namespace tdefs
