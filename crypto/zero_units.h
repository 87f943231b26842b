// Finding zeros in content: whole zero units are holes (DESIGN 5, R10), and most content has none, so the scan that
// says "none" must cost little beside the cipher. Pure functions.
#pragma once

#include <bitset>

#include "base/bytes.h"
#include "crypto/counter.h"

namespace tdefs {

// Zero blocks of plaintext of this size, aligned in the file, are stored as zeros.
inline constexpr size_t kZeroBlockBytes = 4096;
// One bit a unit of a block of at most kZeroBlockBytes, counted from its start.
using UnitSet = std::bitset<kZeroBlockBytes / kUnitBytes>;

// True if every byte is zero. Stops at the first 64 bytes that are not.
bool IsZero(ByteView bytes);
// False only if no whole unit of `block` (counted from its start) is zero. For random content it is true with a
// probability of about 0.1 % a 4 KiB block.
bool MayHoldZeroUnit(ByteView block);
// The whole units of `block` that are zero; a partial unit at its end is not looked at.
// Requires: block.size() <= kZeroBlockBytes.
UnitSet FindZeroUnits(ByteView block);
// Sets the units to zero. Requires: every unit of the set lies inside `block`.
void ClearUnits(ByteSpan block, const UnitSet& units);

}  // namespace tdefs
