// The error table is a contract with scripts: labels and exit codes are unique, and each code has its row.
#include "base/error.h"

#include <gtest/gtest.h>

#include <cctype>
#include <memory>
#include <set>

namespace tdefs {
namespace {

ErrorCode CodeOf(int number) {
  return static_cast<ErrorCode>(number);
}

TEST(ErrorTest, EachCodeHasAWholeRow) {
  for (int number = 0; number < kErrorCodeCount; ++number) {
    const ErrorTraits& traits = TraitsOf(CodeOf(number));
    EXPECT_FALSE(traits.label.empty()) << number;
    EXPECT_FALSE(traits.meaning.empty()) << traits.label;
    EXPECT_GT(traits.sys_errno, 0) << traits.label;
    EXPECT_GT(traits.exit_code, 0) << traits.label;
    EXPECT_LT(traits.exit_code, 126) << traits.label << ": the shell uses 126 and above itself";
  }
}

TEST(ErrorTest, LabelsAndExitCodesAreUnique) {
  std::set<std::string_view> labels;
  std::set<int> exit_codes;
  for (int number = 0; number < kErrorCodeCount; ++number) {
    EXPECT_TRUE(labels.insert(TraitsOf(CodeOf(number)).label).second) << TraitsOf(CodeOf(number)).label;
    EXPECT_TRUE(exit_codes.insert(TraitsOf(CodeOf(number)).exit_code).second) << TraitsOf(CodeOf(number)).exit_code;
  }
}

TEST(ErrorTest, LabelsAreMetricLabels) {
  for (int number = 0; number < kErrorCodeCount; ++number) {
    for (char c : TraitsOf(CodeOf(number)).label)
      EXPECT_TRUE(std::islower(c) || c == '_') << TraitsOf(CodeOf(number)).label;
  }
}

// Rows stand in the order of the codes: a row in another's place would pass the tests above.
TEST(ErrorTest, RowsBelongToTheirCodes) {
  EXPECT_EQ(TraitsOf(ErrorCode::kSystem).label, "system");
  EXPECT_EQ(TraitsOf(ErrorCode::kUsage).exit_code, 2);
  EXPECT_EQ(TraitsOf(ErrorCode::kBadConfig).label, "bad_config");
  EXPECT_EQ(TraitsOf(ErrorCode::kBadKeyFile).label, "bad_key_file");
  EXPECT_EQ(TraitsOf(ErrorCode::kBadPath).label, "bad_path");
  EXPECT_EQ(TraitsOf(ErrorCode::kNotAStore).label, "not_a_store");
  EXPECT_EQ(TraitsOf(ErrorCode::kStoreExists).label, "store_exists");
  EXPECT_EQ(TraitsOf(ErrorCode::kStoreBusy).label, "store_busy");
  EXPECT_EQ(TraitsOf(ErrorCode::kCorrupt).label, "corrupt");
  EXPECT_EQ(TraitsOf(ErrorCode::kUnsupported).label, "unsupported");
  EXPECT_EQ(TraitsOf(ErrorCode::kStoreIncomplete).label, "store_incomplete");
  EXPECT_EQ(TraitsOf(ErrorCode::kWrongKey).label, "wrong_key");
  EXPECT_EQ(TraitsOf(ErrorCode::kDataKeyMissing).label, "data_key_missing");
  EXPECT_EQ(TraitsOf(ErrorCode::kTampered).label, "tampered");
  EXPECT_EQ(TraitsOf(ErrorCode::kForeign).label, "foreign");
  EXPECT_EQ(TraitsOf(ErrorCode::kLimit).label, "limit");
  EXPECT_EQ(TraitsOf(ErrorCode::kMount).label, "mount");
  EXPECT_EQ(TraitsOf(ErrorCode::kNotMounted).label, "not_mounted");
  EXPECT_EQ(TraitsOf(ErrorCode::kProblemsFound).label, "problems_found");
  EXPECT_EQ(TraitsOf(ErrorCode::kInsecureKey).label, "insecure_key");
  EXPECT_EQ(TraitsOf(ErrorCode::kCrypto).label, "crypto");
  EXPECT_EQ(TraitsOf(ErrorCode::kKmsUnreachable).label, "kms_unreachable");
  EXPECT_EQ(TraitsOf(ErrorCode::kKmsThrottled).label, "kms_throttled");
  EXPECT_EQ(TraitsOf(ErrorCode::kKmsDenied).label, "kms_denied");
  EXPECT_EQ(TraitsOf(ErrorCode::kKmsDisabled).label, "kms_disabled");
}

TEST(ErrorTest, SystemErrorsCarryTheirErrno) {
  const Error error = FailErrno(ENOSPC, "write /x").error();
  EXPECT_EQ(error.code, ErrorCode::kSystem);
  EXPECT_EQ(error.Errno(), ENOSPC);
  EXPECT_EQ(error.ExitCode(), 1);
  EXPECT_EQ(error.Text(), "write /x: No space left on device");
  EXPECT_EQ(FailErrno(ENOENT).error().Text(), "No such file or directory");
  errno = EMFILE;
  EXPECT_EQ(FailErrno().error().Errno(), EMFILE);
}

TEST(ErrorTest, OtherErrorsTakeErrnoAndExitCodeFromTheTable) {
  const Error error = Fail(ErrorCode::kStoreBusy, "store: held by process 7").error();
  EXPECT_EQ(error.sys_errno, 0);
  EXPECT_EQ(error.Errno(), EBUSY);
  EXPECT_EQ(error.ExitCode(), 8);
  EXPECT_EQ(error.Text(), "store: held by process 7");
}

Result<std::unique_ptr<int>> Number(bool good) {
  if (!good) return Fail(ErrorCode::kLimit, "too large");
  return std::make_unique<int>(7);
}
Status Checked(bool good) {
  if (!good) return FailErrno(EIO, "check");
  return {};
}
Result<int> Sum(bool first_good, bool second_good, int& reached) {
  const auto number = TRY(Number(first_good));
  reached = 1;
  TRY(Checked(second_good));
  reached = 2;
  return *number + 1;
}

TEST(ErrorTest, TryGivesTheValueOrLeavesWithTheError) {
  int reached = 0;
  EXPECT_EQ(Sum(true, true, reached).value(), 8);
  EXPECT_EQ(reached, 2);
  reached = 0;
  EXPECT_EQ(Sum(false, true, reached).error().message, "too large");
  EXPECT_EQ(reached, 0);
  EXPECT_EQ(Sum(true, false, reached).error().Errno(), EIO);
  EXPECT_EQ(reached, 1);
}

}  // namespace
}  // namespace tdefs
