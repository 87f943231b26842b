// What the crypto of this machine can do: `tdefs speed` and the library line of `tdefs version`. No I/O.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/method.h"

namespace tdefs {

struct SpeedRow {
  Method method;
  size_t block_bytes;
  double gigabytes_per_s;  // 10^9 bytes, of one thread, content in the cache
};

// Encrypts blocks of 4, 16 and 128 KiB with each encrypting method, each case for about `per_case` (at least one
// block), in the calling thread. Methods that this OpenSSL does not offer have no row.
std::vector<SpeedRow> MeasureSpeed(std::chrono::milliseconds per_case);

// The name, version and date of the OpenSSL that runs, e.g. "OpenSSL 3.0.15 3 Sep 2024".
std::string CryptoLibraryVersion();

}  // namespace tdefs
