// Where and how much: offsets, lengths, sizes and data with the edges that a block or unit format gets wrong.
#pragma once

#include <cstdint>
#include <string>

#include "tests/mount/model/random.h"

namespace tdefs::model {

// An offset in or around a file of `size_bytes`: inside, at the end, beyond it, on and beside multiples of 16 and 4096.
uint64_t AnyOffset(Random& random, uint64_t size_bytes);
// 1 byte to 256 KiB, mostly small.
uint64_t AnyLength(Random& random);
// A new size for a file of `size_bytes`.
uint64_t AnySize(Random& random, uint64_t size_bytes);
// Random bytes; now and then zeros, or random bytes with runs of zeros.
std::string AnyData(Random& random, uint64_t length_bytes);

}  // namespace tdefs::model
