#include "crypto/zero_units.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/require.h"

namespace tdefs {
namespace {

// One unit in a vector register (a GCC and clang extension; SSE2, NEON, or plain words).
typedef uint8_t UnitVector __attribute__((vector_size(kUnitBytes)));
typedef uint64_t UnitWords __attribute__((vector_size(kUnitBytes)));

UnitVector LoadUnit(const std::byte* unit) {
  UnitVector vector;
  std::memcpy(&vector, unit, kUnitBytes);
  return vector;
}

UnitVector Smaller(UnitVector a, UnitVector b) {
  return a < b ? a : b;
}

bool IsZeroUnit(UnitVector unit) {
  const UnitWords words = reinterpret_cast<UnitWords>(unit);
  return (words[0] | words[1]) == 0;
}

}  // namespace

bool IsZero(ByteView bytes) {
  constexpr size_t kStride = 4 * kUnitBytes;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kStride; at += kStride, left -= kStride) {
    const UnitVector any =
        (LoadUnit(at) | LoadUnit(at + kUnitBytes)) | (LoadUnit(at + 2 * kUnitBytes) | LoadUnit(at + 3 * kUnitBytes));
    if (!IsZeroUnit(any)) return false;
  }
  return std::all_of(at, at + left, [](std::byte b) { return b == std::byte{0}; });
}

// The bytewise minimum of all units is zero in every byte if one of them is zero: one instruction a unit.
bool MayHoldZeroUnit(ByteView block) {
  constexpr size_t kLanes = 4;
  constexpr size_t kStride = kLanes * kUnitBytes;
  std::array<UnitVector, kLanes> least;
  least.fill(~UnitVector{});
  const std::byte* at = block.data();
  size_t left = block.size();
  for (; left >= kStride; at += kStride, left -= kStride) {
    for (size_t lane = 0; lane < kLanes; ++lane) least[lane] = Smaller(least[lane], LoadUnit(at + lane * kUnitBytes));
  }
  for (; left >= kUnitBytes; at += kUnitBytes, left -= kUnitBytes) least[0] = Smaller(least[0], LoadUnit(at));
  return IsZeroUnit(Smaller(Smaller(least[0], least[1]), Smaller(least[2], least[3])));
}

UnitSet FindZeroUnits(ByteView block) {
  Require(block.size() <= kZeroBlockBytes, "FindZeroUnits: at most one block");
  UnitSet zeros;
  for (size_t unit = 0; unit < block.size() / kUnitBytes; ++unit) {
    if (IsZeroUnit(LoadUnit(block.data() + unit * kUnitBytes))) zeros.set(unit);
  }
  return zeros;
}

void ClearUnits(ByteSpan block, const UnitSet& units) {
  for (size_t unit = 0; unit < units.size(); ++unit) {
    if (units.test(unit)) std::ranges::fill(block.subspan(unit * kUnitBytes, kUnitBytes), std::byte{0});
  }
}

}  // namespace tdefs
