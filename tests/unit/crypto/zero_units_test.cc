#include "crypto/zero_units.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace tdefs {
namespace {

TEST(ZeroUnitsTest, IsZeroSeesEachByteOfEachLength) {
  for (size_t size = 0; size <= 200; ++size) {
    Bytes bytes(size + 1);
    bytes[size] = std::byte{1};  // behind the end: not looked at
    const ByteSpan view = ByteSpan(bytes).first(size);
    EXPECT_TRUE(IsZero(view)) << size;
    for (size_t at = 0; at < size; ++at) {
      view[at] = std::byte{0x80};
      EXPECT_FALSE(IsZero(view)) << "byte " << at << " of " << size;
      view[at] = std::byte{0};
    }
  }
}

TEST(ZeroUnitsTest, FilterNeverMissesAZeroUnit) {
  for (size_t units : {1, 2, 3, 4, 5, 7, 8, 255, 256}) {
    for (size_t zero = 0; zero < units; ++zero) {
      Bytes block = NonZeroBytes(units * kUnitBytes + 5, 1);
      EXPECT_FALSE(MayHoldZeroUnit(block));
      std::fill_n(block.begin() + static_cast<std::ptrdiff_t>(zero * kUnitBytes), kUnitBytes, std::byte{0});
      ASSERT_TRUE(MayHoldZeroUnit(block)) << "unit " << zero << " of " << units;
    }
  }
}

TEST(ZeroUnitsTest, FilterMayBeWrongOnlyTowardsYes) {
  Bytes block(2 * kUnitBytes);
  block[0] = std::byte{1};
  block[kUnitBytes + 1] = std::byte{1};
  EXPECT_TRUE(MayHoldZeroUnit(block));  // each byte is zero in one of the units
  EXPECT_TRUE(FindZeroUnits(block).none());
}

TEST(ZeroUnitsTest, FindReportsWholeUnitsOnly) {
  Bytes block = NonZeroBytes(4 * kUnitBytes, 1);
  std::fill_n(block.begin() + kUnitBytes, 2 * kUnitBytes, std::byte{0});
  EXPECT_EQ(FindZeroUnits(block).to_ulong(), 0b0110U);
  block.resize(3 * kUnitBytes - 1);
  EXPECT_EQ(FindZeroUnits(block).to_ulong(), 0b0010U);
  EXPECT_TRUE(FindZeroUnits(Bytes(kUnitBytes - 1)).none());
  EXPECT_FALSE(MayHoldZeroUnit(Bytes(kUnitBytes - 1)));
  EXPECT_TRUE(FindZeroUnits(Bytes(kZeroBlockBytes)).all());
}

TEST(ZeroUnitsTest, ClearTouchesNothingElse) {
  const Bytes before = NonZeroBytes(5 * kUnitBytes, 2);
  Bytes block = before;
  ClearUnits(block, UnitSet(0b10010));
  for (size_t i = 0; i < block.size(); ++i) {
    const bool cleared = i / kUnitBytes == 1 || i / kUnitBytes == 4;
    EXPECT_EQ(block[i], cleared ? std::byte{0} : before[i]) << i;
  }
}

TEST(ZeroUnitsDeathTest, BlockBeyondTheLimitAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(FindZeroUnits(Bytes(kZeroBlockBytes + 1)), "at most one block");
}

}  // namespace
}  // namespace tdefs
