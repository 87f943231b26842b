#include "config/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace tdefs {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"data-key-rotation-period", "backing-dir", "threads", "acl"};

TEST(NearestTest, FindsSlipsOfTheHand) {
  EXPECT_EQ(NearestName("thread", kNames), "threads");
  EXPECT_EQ(NearestName("treads", kNames), "threads");
  EXPECT_EQ(NearestName("htreads", kNames), "threads");
  EXPECT_EQ(NearestName("thraeds", kNames), "threads");
  EXPECT_EQ(NearestName("BACKING_DIR", kNames), "backing-dir");
  EXPECT_EQ(NearestName("data-key-rotation-perod", kNames), "data-key-rotation-period");
  EXPECT_EQ(NearestName("rotation-period", kNames), "data-key-rotation-period");
}

TEST(NearestTest, SaysNothingAboutStrangers) {
  EXPECT_EQ(NearestName("zzz", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName(std::string(1000, 'a'), kNames), "");
  EXPECT_EQ(Suggestion("zzz", kNames), "");
  EXPECT_EQ(Suggestion("thread", kNames), "; did you mean `threads`?");
}

}  // namespace
}  // namespace tdefs
