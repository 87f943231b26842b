#include "keys/rotation.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kNow = 1'700'000'000;
constexpr bool kSecure = true;

DataKeyInfo KeyOf(Method method, uint64_t created_unix_s, bool exposed = false) {
  return {.id = 1, .method = method, .created_unix_s = created_unix_s, .current = true, .exposed = exposed};
}

TEST(RotationTest, ByAgeFromThePeriodOn) {
  const RotationPolicy policy{.method = std::nullopt, .period = 100s};
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow - 99), kSecure, kNow), std::nullopt);
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow - 100), kSecure, kNow), RotationReason::kAge);
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, 0), kSecure, kNow), RotationReason::kAge);
}

TEST(RotationTest, DefaultPeriodIsAWeek) {
  const uint64_t week_s = 7 * 24 * 3600;
  EXPECT_EQ(RotationDue({}, KeyOf(Method::kSm4Ctr, kNow - week_s + 1), kSecure, kNow), std::nullopt);
  EXPECT_EQ(RotationDue({}, KeyOf(Method::kSm4Ctr, kNow - week_s), kSecure, kNow), RotationReason::kAge);
}

TEST(RotationTest, AKeyFromFarInTheFutureIsDue) {
  const RotationPolicy policy{.method = std::nullopt, .period = 100s};
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow + 99), kSecure, kNow), std::nullopt);
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow + 100), kSecure, kNow), RotationReason::kAge);
}

TEST(RotationTest, ByChangeOfMethodBothWays) {
  for (Method from : kAllMethods) {
    for (Method to : kAllMethods) {
      const RotationPolicy policy{.method = to, .period = 100s};
      EXPECT_EQ(RotationDue(policy, KeyOf(from, kNow), kSecure, kNow),
                from == to ? std::nullopt : std::optional(RotationReason::kMethod));
    }
  }
}

TEST(RotationTest, ExposedKeysOnceTheMasterKeyIsSecure) {
  const DataKeyInfo exposed = KeyOf(Method::kAes256Ctr, kNow, true);
  EXPECT_EQ(RotationDue({}, exposed, kSecure, kNow), RotationReason::kExposed);
  EXPECT_EQ(RotationDue({}, exposed, !kSecure, kNow), std::nullopt);
}

TEST(RotationTest, PlaintextNeitherAgesNorIsExposed) {
  EXPECT_EQ(RotationDue({}, KeyOf(Method::kPlaintext, 0, true), kSecure, kNow), std::nullopt);
}

TEST(RotationTest, PeriodsUnderASecondCountAsOne) {
  const RotationPolicy policy{.method = std::nullopt, .period = 0s};
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow), kSecure, kNow), std::nullopt);
  EXPECT_EQ(RotationDue(policy, KeyOf(Method::kAes256Ctr, kNow - 1), kSecure, kNow), RotationReason::kAge);
}

TEST(RotationTest, IsAskedEveryTenMinutesOrPeriod) {
  EXPECT_EQ(RotationCheckInterval({}), 10min);
  EXPECT_EQ(RotationCheckInterval({.method = std::nullopt, .period = 11min}), 10min);
  EXPECT_EQ(RotationCheckInterval({.method = std::nullopt, .period = 30s}), 30s);
  EXPECT_EQ(RotationCheckInterval({.method = std::nullopt, .period = 0s}), 1s);
}

TEST(RotationTest, EachReasonHasItsWords) {
  EXPECT_NE(RotationReasonName(RotationReason::kMethod), RotationReasonName(RotationReason::kExposed));
  EXPECT_NE(RotationReasonName(RotationReason::kExposed), RotationReasonName(RotationReason::kAge));
}

}  // namespace
}  // namespace tdefs
