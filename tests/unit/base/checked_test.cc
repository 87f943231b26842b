#include "base/checked.h"

#include <gtest/gtest.h>

#include <limits>

namespace tdefs {
namespace {

TEST(CheckedTest, AddSaysSoInsteadOfWrapping) {
  EXPECT_EQ(CheckedAdd<uint64_t>(1, 2), 3U);
  EXPECT_EQ(CheckedAdd<uint64_t>(UINT64_MAX, 0), UINT64_MAX);
  EXPECT_FALSE(CheckedAdd<uint64_t>(UINT64_MAX, 1));
  EXPECT_EQ(CheckedAdd<int64_t>(INT64_MAX, -1), INT64_MAX - 1);
  EXPECT_FALSE(CheckedAdd<int64_t>(INT64_MAX, 1));
  EXPECT_FALSE(CheckedAdd<int64_t>(INT64_MIN, -1));
  EXPECT_FALSE(CheckedAdd<uint8_t>(200, 100));
}

TEST(CheckedTest, AlignmentToPowersOfTwo) {
  EXPECT_EQ(AlignDown(0, 16), 0U);
  EXPECT_EQ(AlignDown(15, 16), 0U);
  EXPECT_EQ(AlignDown(16, 16), 16U);
  EXPECT_EQ(AlignDown(UINT64_MAX, 4096), UINT64_MAX - 4095);
  EXPECT_EQ(AlignUp(0, 16), 0U);
  EXPECT_EQ(AlignUp(1, 16), 16U);
  EXPECT_EQ(AlignUp(16, 16), 16U);
  EXPECT_EQ(AlignUp(17, 1), 17U);
  EXPECT_TRUE(IsAligned(0, 4096));
  EXPECT_TRUE(IsAligned(8192, 4096));
  EXPECT_FALSE(IsAligned(8193, 4096));
}

}  // namespace
}  // namespace tdefs
