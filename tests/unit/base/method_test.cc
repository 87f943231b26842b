#include "base/method.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

// TiKV's names and numbers (encryptionpb.EncryptionMethod): they are in settings and in every on-disk format.
TEST(MethodTest, NamesNumbersAndKeyLengthsAreThoseOfTikv) {
  struct Row {
    Method method;
    std::string_view name;
    uint8_t number;
    size_t key_bytes;
  };
  constexpr Row kRows[] = {
      {Method::kPlaintext, "plaintext", 1, 0},   {Method::kAes128Ctr, "aes128-ctr", 2, 16},
      {Method::kAes192Ctr, "aes192-ctr", 3, 24}, {Method::kAes256Ctr, "aes256-ctr", 4, 32},
      {Method::kSm4Ctr, "sm4-ctr", 5, 16},
  };
  EXPECT_EQ(std::size(kRows), kAllMethods.size());
  for (const Row& row : kRows) {
    EXPECT_EQ(MethodName(row.method), row.name);
    EXPECT_EQ(static_cast<uint8_t>(row.method), row.number);
    EXPECT_EQ(MethodKeyBytes(row.method), row.key_bytes);
    EXPECT_EQ(MethodFromName(row.name), row.method);
    EXPECT_EQ(MethodFromNumber(row.number), row.method);
  }
}

TEST(MethodTest, NamesAreReadInEitherCase) {
  EXPECT_EQ(MethodFromName("AES256-CTR"), Method::kAes256Ctr);
  EXPECT_EQ(MethodFromName("Sm4-Ctr"), Method::kSm4Ctr);
}

TEST(MethodTest, UnknownNamesAndNumbersAreRefused) {
  for (std::string_view name : {"", "aes256", "aes256-ctr ", "aes256-ctrx", "aes-256-ctr", "unknown", "aes256_ctr"}) {
    EXPECT_FALSE(MethodFromName(name)) << name;
  }
  EXPECT_FALSE(MethodFromName(std::string_view("sm4-ctr\0", 8)));
  for (int number : {0, 6, 7, 255}) EXPECT_FALSE(MethodFromNumber(static_cast<uint8_t>(number))) << number;
}

TEST(MethodTest, NumberOutsideTheEnumHasNoNameAndNoKey) {
  EXPECT_EQ(MethodName(static_cast<Method>(200)), "unknown");
  EXPECT_EQ(MethodKeyBytes(static_cast<Method>(200)), 0U);
}

}  // namespace
}  // namespace tdefs
