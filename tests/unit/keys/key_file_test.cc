#include "keys/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "base/unique_fd.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kDigits = "00112233445566778899aabbccddeeff0123456789abcdefFEDCBA9876543210";

class KeyFileTest : public testing::Test {
 protected:
  // The message of reading the key file, which must fail as kBadKeyFile.
  std::string Refusal() {
    auto key = ReadKeyFile(path_);
    if (key) return "it was accepted";
    EXPECT_EQ(key.error().code, ErrorCode::kBadKeyFile);
    return key.error().message;
  }
  std::string RefusalOf(std::string_view content, unsigned mode = 0600) {
    WriteTextFile(path_, content, mode);
    return Refusal();
  }

  TempDir dir_;
  std::string path_ = dir_ / "key";
};

TEST_F(KeyFileTest, ReadsSixtyFourDigitsAndANewline) {
  WriteTextFile(path_, kDigits + "\n");
  auto key = ReadKeyFile(path_);
  ASSERT_TRUE(key) << key.error().Text();
  EXPECT_EQ(ToHex(key->view()), "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210");
}

TEST_F(KeyFileTest, ReadsAModeNarrowerThan0600) {
  WriteTextFile(path_, kDigits + "\n", 0400);
  EXPECT_TRUE(ReadKeyFile(path_));
}

TEST_F(KeyFileTest, EachDefectHasItsOwnMessage) {
  EXPECT_THAT(Refusal(), HasSubstr("does not exist"));
  EXPECT_THAT(RefusalOf(""), HasSubstr("is empty"));
  EXPECT_THAT(RefusalOf("\n"), HasSubstr("has 0 hexadecimal digits, expected 64"));
  EXPECT_THAT(RefusalOf(kDigits.substr(1) + "\n"), HasSubstr("has 63 hexadecimal digits, expected 64"));
  EXPECT_THAT(RefusalOf(kDigits.substr(1)), HasSubstr("has 63 hexadecimal digits, expected 64"));
  EXPECT_THAT(RefusalOf(kDigits + "0\n"), HasSubstr("has 65 hexadecimal digits, expected 64"));
  EXPECT_THAT(RefusalOf(kDigits + "\r\n"), HasSubstr("CRLF"));
  EXPECT_THAT(RefusalOf(kDigits), HasSubstr("no newline after its 64 digits"));
  EXPECT_THAT(RefusalOf(kDigits + " \n"), HasSubstr("the character at offset 64 is not a hexadecimal digit"));
  EXPECT_THAT(RefusalOf(kDigits + "\n\n"), HasSubstr("the character at offset 64 is not a hexadecimal digit"));
  EXPECT_THAT(RefusalOf("0x" + kDigits.substr(2) + "\n"), HasSubstr("offset 1 is not a hexadecimal digit"));
  EXPECT_THAT(RefusalOf(kDigits.substr(1) + "g\n"), HasSubstr("offset 63 is not a hexadecimal digit"));
  EXPECT_THAT(RefusalOf(std::string(64, '0') + "\n"), HasSubstr("all zeros"));
  EXPECT_THAT(RefusalOf(std::string(1 << 20, 'a')), HasSubstr("has 1048576 bytes, expected 65"));
}

TEST_F(KeyFileTest, MessagesDifferAndHoldNoKeyMaterial) {
  const std::string defects[] = {"", "\n", kDigits, kDigits + "\r\n", kDigits + "0\n", kDigits.substr(1) + "g\n"};
  std::set<std::string> messages;
  for (const std::string& content : defects) {
    const std::string message = RefusalOf(content);
    EXPECT_THAT(message, Not(HasSubstr("0011"))) << "key digits in a message";
    messages.insert(message);
  }
  EXPECT_EQ(messages.size(), std::size(defects));
}

TEST_F(KeyFileTest, ModeWiderThan0600IsRefused) {
  for (unsigned mode : {0644U, 0640U, 0604U, 0602U, 0700U, 0601U, 04600U}) {
    EXPECT_THAT(RefusalOf(kDigits + "\n", mode), AllOf(HasSubstr("has mode"), HasSubstr("expected 0600 or less")));
  }
}

TEST_F(KeyFileTest, AnotherOwnerIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: only root can give a file away";
  WriteTextFile(path_, kDigits + "\n");
  ASSERT_EQ(::chown(path_.c_str(), 12345, 0), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is owned by uid 12345, expected 0 or root"));
}

TEST_F(KeyFileTest, OtherKindsOfFileAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is a directory"));
  ASSERT_EQ(::rmdir(path_.c_str()), 0);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is a FIFO"));
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  WriteTextFile(dir_ / "real", kDigits + "\n");
  ASSERT_EQ(::symlink("real", path_.c_str()), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is a symbolic link"));
  path_ = "/dev/null";
  EXPECT_THAT(Refusal(), HasSubstr("is not a regular file"));
}

TEST_F(KeyFileTest, ASocketIsRefused) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path_, address.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is a socket"));
}

TEST_F(KeyFileTest, AnUnusableDirectoryIsSaid) {
  path_ = dir_ / "file/key";
  WriteTextFile(dir_ / "file", "x");
  EXPECT_THAT(Refusal(), HasSubstr("cannot be opened: Not a directory"));
}

TEST_F(KeyFileTest, CreatedKeyReadsBackAndIsPrivate) {
  const mode_t old_umask = ::umask(0777);  // creation must not depend on it
  Status created = CreateKeyFile(path_);
  ::umask(old_umask);
  ASSERT_TRUE(created) << created.error().Text();
  struct stat attributes;
  ASSERT_EQ(::stat(path_.c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777U, 0600U);
  EXPECT_EQ(attributes.st_size, 65);
  auto key = ReadKeyFile(path_);
  ASSERT_TRUE(key) << key.error().Text();
  EXPECT_EQ(key->size(), kMasterKeyBytes);
  EXPECT_TRUE(ToHex(key->view()) + "\n" == ReadTextFile(path_)) << "keys are not printed";
}

TEST_F(KeyFileTest, TwoCreatedKeysDiffer) {
  ASSERT_TRUE(CreateKeyFile(path_));
  ASSERT_TRUE(CreateKeyFile(dir_ / "other"));
  EXPECT_TRUE(ReadTextFile(path_) != ReadTextFile(dir_ / "other"));
}

TEST_F(KeyFileTest, CreateNeverOverwrites) {
  WriteTextFile(path_, "precious");
  Status created = CreateKeyFile(path_);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::kBadKeyFile);
  EXPECT_THAT(created.error().message, HasSubstr("never overwritten"));
  EXPECT_EQ(ReadTextFile(path_), "precious");
  ASSERT_EQ(::symlink("nowhere", (dir_ / "link").c_str()), 0);
  EXPECT_FALSE(CreateKeyFile(dir_ / "link"));
}

TEST_F(KeyFileTest, CreateInNoDirectoryIsASystemError) {
  Status created = CreateKeyFile(dir_ / "absent/key");
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().Errno(), ENOENT);
}

TEST_F(KeyFileTest, AFailedWriteLeavesNoFile) {
  rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit tight{.rlim_cur = 10, .rlim_max = old_limit.rlim_max};
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  Status created = CreateKeyFile(path_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().Errno(), EFBIG);
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(KeyFileTest, AKeyInsideTheStoreIsRefused) {
  const std::string backing = dir_ / "backing";
  ASSERT_EQ(::mkdir(backing.c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((backing + "/sub").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((dir_ / "backing2").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("backing/sub", (dir_ / "way-in").c_str()), 0);
  WriteTextFile(backing + "/sub/key", kDigits + "\n");
  ASSERT_EQ(::symlink("backing/sub/key", (dir_ / "key-link").c_str()), 0);
  WriteTextFile(path_, kDigits + "\n");
  ASSERT_EQ(::symlink("../key", (backing + "/link-out").c_str()), 0);

  for (const std::string& inside : {backing + "/key", backing + "/sub/key", dir_ / "way-in/new", dir_ / "key-link",
                                    dir_ / "backing2/../backing/key", backing + "/link-out"}) {
    Status refused = RefuseKeyInside(inside, backing);
    ASSERT_FALSE(refused) << inside;
    EXPECT_EQ(refused.error().code, ErrorCode::kBadPath);
    EXPECT_THAT(refused.error().message, HasSubstr("lies inside the store"));
  }
  for (const std::string& outside : {path_, dir_ / "backing2/key", dir_ / "absent/key"}) {
    EXPECT_TRUE(RefuseKeyInside(outside, backing)) << outside;
  }
  EXPECT_FALSE(RefuseKeyInside(path_, dir_ / "no-backing"));
  EXPECT_FALSE(RefuseKeyInside(path_, "/"));
}

}  // namespace
}  // namespace tdefs
