#include "config/duration.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

using namespace std::chrono_literals;

TEST(DurationTest, ReadsWhatTikvWrites) {
  EXPECT_EQ(ParseDuration("7d"), 168h);
  EXPECT_EQ(ParseDuration("1h30m"), 90min);
  EXPECT_EQ(ParseDuration("1.5h"), 90min);
  EXPECT_EQ(ParseDuration("90s"), 90s);
  EXPECT_EQ(ParseDuration("500ms"), 500ms);
  EXPECT_EQ(ParseDuration("1d2h3m4s5ms6us7ns"), 26h + 3min + 4s + 5ms + 6us + 7ns);
  EXPECT_EQ(ParseDuration("0s"), 0s);
  EXPECT_EQ(ParseDuration("0.000000001s"), 1ns);
}

TEST(DurationTest, RefusesWhatIsNone) {
  for (const char* text : {"",    "7",    "d",   "-7d",  "+7d",  "7 d", " 7d", "7D",    "7w",  "7d7d", "1m1h", "1ms1s",
                           "nan", "nans", "inf", "1e3s", "0x7d", "1.d", ".5d", "1..5d", "7d ", "7d\n", "1h-3m"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, RefusesOverflow) {
  EXPECT_NE(ParseDuration("106751d"), std::nullopt);  // 2^63 ns are 106751.99 days
  EXPECT_EQ(ParseDuration("106752d"), std::nullopt);
  EXPECT_EQ(ParseDuration("999999999999999999d"), std::nullopt);
  EXPECT_EQ(ParseDuration("9999999999999999999d"), std::nullopt);
  EXPECT_EQ(ParseDuration("99999999999999999999999999999999999999999s"), std::nullopt);
}

}  // namespace
}  // namespace tdefs
