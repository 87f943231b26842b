#include "config/toml_limits.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

std::string Refusal(const std::string& text) {
  Status status = CheckTomlLimits(text, "f.toml");
  if (status) return {};
  EXPECT_EQ(status.error().code, ErrorCode::kBadConfig);
  return status.error().message;
}

std::string Repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(TomlLimitsTest, ContentOfStringsAndCommentsCountsForNothing) {
  const std::string brackets(100'000, '[');
  EXPECT_EQ(Refusal("# " + brackets + "\na = 1\n"), "");
  EXPECT_EQ(Refusal("a = \"" + brackets + "\\\"" + brackets + "\"\n"), "");
  EXPECT_EQ(Refusal("a = '" + brackets + "\\'\n"), "");
  EXPECT_EQ(Refusal("a = \"\"\"\n" + brackets + "\n\\\"\"\"" + brackets + "\"\"\"\n"), "");
  EXPECT_EQ(Refusal("a = '''\n" + brackets + "\n'''\n"), "");
}

TEST(TomlLimitsTest, DeepNestingIsRefusedWithItsPlace) {
  EXPECT_EQ(Refusal("a = " + std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_EQ(Refusal("\na = " + std::string(33, '[')), "f.toml:2:37: nesting deeper than 32");
  EXPECT_EQ(Refusal(std::string(100'000, '[')), "f.toml:1:33: nesting deeper than 32");
  EXPECT_NE(Refusal("a = " + Repeat("{a=", 33)), "");
  EXPECT_NE(Refusal("a = " + Repeat("[{a=", 20)), "");
}

// Each of these would hide brackets from a scanner that takes the end of a string for later than the parser does.
TEST(TomlLimitsTest, BracketsBehindTheEndOfAStringCount) {
  const std::string deep(100'000, '[');
  EXPECT_NE(Refusal("a = [\"\\\\\", " + deep), "");
  EXPECT_NE(Refusal("a = ['\\', " + deep), "");
  EXPECT_NE(Refusal("a = [\"\"\"x\"\"\"\"\", " + deep), "");
  EXPECT_NE(Refusal("a = ['''x'''', " + deep), "");
  EXPECT_NE(Refusal("a = [\"\", " + deep), "");
  EXPECT_NE(Refusal("a = [\"\"\"\"\"\", " + deep), "");
  EXPECT_NE(Refusal("a = [\"open\n, " + deep), "");
  EXPECT_NE(Refusal("# '\"\na = " + deep), "");
}

TEST(TomlLimitsTest, LongDottedKeysAreRefused) {
  EXPECT_EQ(Refusal("a" + Repeat(".a", 32) + " = 1"), "");
  EXPECT_NE(Refusal("a" + Repeat(".a", 33) + " = 1"), "");
  EXPECT_NE(Refusal("[a" + Repeat(".a", 100'000) + "]"), "");
  EXPECT_EQ(Refusal(Repeat("a = 1.5\n", 100)), "");
}

TEST(TomlLimitsTest, ManyValuesAreRefused) {
  EXPECT_EQ(Refusal(Repeat("a = 1\n", 1024)), "");
  EXPECT_NE(Refusal(Repeat("a = 1\n", 1025)), "");
  EXPECT_NE(Refusal("a = [" + Repeat("1,", 1025) + "]"), "");
}

TEST(TomlLimitsTest, OnlyUtf8Passes) {
  for (const char* good : {"ä", "\u20ac", "\U0010ffff", "\U00010000", "\ue000", "\xed\x9f\xbf"}) {
    EXPECT_EQ(Refusal("a = '" + std::string(good) + "'"), "") << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(Refusal("\na = '" + std::string(bad) + "'"), "f.toml:2:6: a byte that is not UTF-8") << bad;
    EXPECT_NE(Refusal("a = '" + std::string(bad)), "");
    EXPECT_NE(Refusal(bad), "");
  }
}

TEST(TomlLimitsTest, SizeAndNulBytesAreRefused) {
  EXPECT_EQ(Refusal(std::string(kConfigBytesMax, '\n')), "");
  EXPECT_EQ(Refusal(std::string(kConfigBytesMax + 1, '\n')),
            "f.toml: 1048577 bytes, a configuration has at most 1048576");
  EXPECT_EQ(Refusal(std::string("a = 1\n\0", 7)), "f.toml:2:1: a NUL byte");
}

}  // namespace
}  // namespace tdefs
