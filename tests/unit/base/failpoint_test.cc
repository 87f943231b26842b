// Failpoints: what is armed happens at the hits that were asked for, and nowhere else.
#include "base/failpoint.h"

#ifdef TDEFS_FAILPOINTS

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace tdefs {
namespace {

int Call() {
  errno = 0;
  return Point<"test.call", CallKind::kOther>().Run([] { return 7; });
}

ssize_t Move(size_t size) {
  return Point<"test.move", CallKind::kWrite>().Transfer(size, [](size_t some) { return static_cast<ssize_t>(some); });
}

class FailpointTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(ArmFailpoints("")); }
};

TEST_F(FailpointTest, AnUnarmedPointIsItsCall) {
  EXPECT_EQ(Call(), 7);
  EXPECT_EQ(Move(100), 100);
}

TEST_F(FailpointTest, AnErrorComesInPlaceOfTheCall) {
  ASSERT_TRUE(ArmFailpoints("test.call:ENOSPC"));
  EXPECT_EQ(Call(), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(Move(100), 100);
  EXPECT_EQ(FailpointHits("test.call"), 1u);
}

TEST_F(FailpointTest, HitsAreCountedFromTheArming) {
  ASSERT_TRUE(ArmFailpoints("test.call:EIO@2;test.move:short@2+"));
  EXPECT_EQ(Call(), 7);
  EXPECT_EQ(Call(), -1);
  EXPECT_EQ(Call(), 7);
  EXPECT_EQ(Move(100), 100);
  EXPECT_EQ(Move(100), 50);
  EXPECT_EQ(Move(1), 1);
}

TEST_F(FailpointTest, WrongTextArmsNothing) {
  for (const char* text : {"test.call", "test.call:", "test.call:ENOSUCH", "test.call:EIO@0", "test.call:EIO@",
                           "test.call:EIO@x", "no.such:EIO", "test.call:EIO@1++"}) {
    EXPECT_FALSE(ArmFailpoints(text)) << text;
  }
  EXPECT_EQ(Call(), 7);
}

TEST_F(FailpointTest, KillsEndTheProcessAtOnce) {
  for (const char* text : {"test.move:kill-before", "test.move:kill-after", "test.move:kill-torn"}) {
    EXPECT_EXIT(
        {
          (void)ArmFailpoints(text);
          Move(100);
          ::_exit(0);
        },
        ::testing::KilledBySignal(SIGKILL), "")
        << text;
  }
}

TEST_F(FailpointTest, NamesTellWhatCanBeCutShort) {
  const auto names = FailpointNames();
  EXPECT_FALSE(names.at("test.call"));
  EXPECT_TRUE(names.at("test.move"));
}

}  // namespace
}  // namespace tdefs

#endif
