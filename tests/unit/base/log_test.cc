#include "base/log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "temporary_directory.h"

namespace tdefs {
namespace {

class LogTest : public testing::Test {
 protected:
  void SetUp() override { options_.file = directory_.PathOf("log"); }
  void TearDown() override { EXPECT_TRUE(SetUpLogging({})); }
  std::vector<std::string> Lines() {
    std::ifstream in(options_.file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  TemporaryDirectory directory_;
  LogOptions options_;
};

TEST_F(LogTest, TextLineHoldsLevelAndMessage) {
  ASSERT_TRUE(SetUpLogging(options_));
  Log(LogLevel::kWarn, "record {} of {}", 7, "file.dict");
  ASSERT_EQ(Lines().size(), 1U);
  EXPECT_TRUE(Lines()[0].ends_with(" warning record 7 of file.dict")) << Lines()[0];
}

TEST_F(LogTest, JsonLineIsJsonWhateverTheMessage) {
  options_.json = true;
  ASSERT_TRUE(SetUpLogging(options_));
  std::string message = R"(quote " backslash \ percent %v {} end)";
  for (char c = 0; c < 0x20; ++c) message += c;
  message += "\x7f \xc3\xa9";
  LogMessage(LogLevel::kError, message);
  ASSERT_EQ(Lines().size(), 1U);
  const auto line = nlohmann::json::parse(Lines()[0], nullptr, false);
  ASSERT_FALSE(line.is_discarded()) << Lines()[0];
  EXPECT_EQ(line["message"], message);
  EXPECT_EQ(line["level"], "error");
  EXPECT_TRUE(line["time"].is_string());
}

TEST_F(LogTest, JsonLineIsJsonForANameThatIsNoUtf8) {
  options_.json = true;
  ASSERT_TRUE(SetUpLogging(options_));
  LogMessage(LogLevel::kInfo, "name \xff\xfe end");
  ASSERT_EQ(Lines().size(), 1U);
  const auto line = nlohmann::json::parse(Lines()[0], nullptr, false);
  ASSERT_FALSE(line.is_discarded()) << Lines()[0];
  EXPECT_EQ(line["message"], "name \xef\xbf\xbd\xef\xbf\xbd end");
}

TEST_F(LogTest, MessagesBelowTheLevelAreNotWritten) {
  options_.level = LogLevel::kWarn;
  ASSERT_TRUE(SetUpLogging(options_));
  Log(LogLevel::kDebug, "debug");
  Log(LogLevel::kInfo, "info");
  Log(LogLevel::kWarn, "warn");
  EXPECT_EQ(Lines().size(), 1U);
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_TRUE(LogEnabled(LogLevel::kWarn));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
}

TEST_F(LogTest, PathsAreRedactedUnlessAllowedOrAtDebugLevel) {
  ASSERT_TRUE(SetUpLogging(options_));
  EXPECT_EQ(LogPath("/base/1"), "<redacted>");
  options_.redact_paths = false;
  ASSERT_TRUE(SetUpLogging(options_));
  EXPECT_EQ(LogPath("/base/1"), "/base/1");
  options_.redact_paths = true;
  options_.level = LogLevel::kDebug;
  ASSERT_TRUE(SetUpLogging(options_));
  EXPECT_EQ(LogPath("/base/1"), "/base/1");
}

TEST_F(LogTest, FileThatCannotBeOpenedIsAnErrorThatNamesIt) {
  auto status = SetUpLogging(LogOptions{.file = "/dev/null/log"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadConfig);
  EXPECT_TRUE(status.error().message.starts_with("log file /dev/null/log: ")) << status.error().message;
}

}  // namespace
}  // namespace tdefs
