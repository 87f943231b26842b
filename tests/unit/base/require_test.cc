#include "base/require.h"

#include <gtest/gtest.h>

#include <csignal>

namespace tdefs {
namespace {

TEST(RequireDeathTest, BrokenRequirementAbortsWithItsText) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Require(true, "holds");
  EXPECT_EXIT(Require(1 + 1 == 3, "sums are right"), testing::KilledBySignal(SIGABRT),
              "requirement broken: sums are right");
}

}  // namespace
}  // namespace tdefs
