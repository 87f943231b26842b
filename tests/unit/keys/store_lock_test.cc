#include "keys/store_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::HasSubstr;

class StoreLockTest : public testing::Test {
 protected:
  Result<StoreLock> Acquire() { return StoreLock::Acquire(dir_fd_.get(), "/backing"); }

  TempDir dir_;
  UniqueFd dir_fd_{::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(StoreLockTest, SecondHolderIsRefusedWithTheFirstOnesPid) {
  auto first = Acquire();
  ASSERT_TRUE(first) << first.error().Text();
  ASSERT_TRUE(first->RecordHolder());
  auto second = Acquire();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kStoreBusy);
  EXPECT_THAT(second.error().message, HasSubstr(fmt::format("in use by process {}", ::getpid())));
}

TEST_F(StoreLockTest, AHolderInAnotherProcessIsNamed) {
  int ready[2];
  int release[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(release, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto lock = Acquire();
    const char answer = lock && lock->RecordHolder() ? 'y' : 'n';
    char end;
    ::close(release[1]);
    if (::write(ready[1], &answer, 1) != 1 || ::read(release[0], &end, 1) != 0) ::_exit(1);
    ::_exit(0);
  }
  char answer = 'n';
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  auto refused = Acquire();
  for (int fd : {release[0], release[1], ready[0], ready[1]}) ::close(fd);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("in use by process {}", child)));
  EXPECT_TRUE(Acquire()) << "the lock goes with its holder";
}

TEST_F(StoreLockTest, IsFreeAgainOnceDropped) {
  { ASSERT_TRUE(Acquire()); }
  EXPECT_TRUE(Acquire());
}

TEST_F(StoreLockTest, ThePidOfAProcessThatIsGoneIsNotNamed) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  auto lock = Acquire();
  ASSERT_TRUE(lock);
  for (const std::string& content : {fmt::format("{}\n", child), std::string(), std::string("no number"),
                                     std::string("-1"), std::string("99999999999999999999")}) {
    WriteTextFile(dir_ / "lock", content);
    auto refused = Acquire();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kStoreBusy);
    EXPECT_THAT(refused.error().message, HasSubstr("by a process that is opening it"));
  }
}

TEST_F(StoreLockTest, ALongerPidLeavesNothingBehind) {
  WriteTextFile(dir_ / "lock", "1234567890123456789\n");
  auto lock = Acquire();
  ASSERT_TRUE(lock->RecordHolder());
  EXPECT_EQ(ReadTextFile(dir_ / "lock"), fmt::format("{}\n", ::getpid()));
}

TEST_F(StoreLockTest, AcquiringChangesNothingInTheFile) {
  WriteTextFile(dir_ / "lock", "x");
  const auto before = Snapshot(dir_.path());
  ASSERT_TRUE(Acquire());
  EXPECT_EQ(Snapshot(dir_.path()), before);
}

TEST_F(StoreLockTest, AReaderAsksWithoutTakingOrWriting) {
  auto free = [&] { return CheckStoreFree(dir_fd_.get(), "/backing"); };
  EXPECT_TRUE(free()) << "a missing lock is held by nobody";
  EXPECT_EQ(::access((dir_ / "lock").c_str(), F_OK), -1) << "and it is not made";
  {
    auto lock = Acquire();
    ASSERT_TRUE(lock);
    ASSERT_TRUE(lock->RecordHolder());
    const Status asked = free();
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, ErrorCode::kStoreBusy);
    EXPECT_THAT(asked.error().message, HasSubstr(fmt::format("in use by process {}", ::getpid())));
  }
  EXPECT_TRUE(free());
  EXPECT_TRUE(Acquire()) << "asking took nothing";
  ASSERT_EQ(::unlink((dir_ / "lock").c_str()), 0);
  ASSERT_EQ(::mkdir((dir_ / "lock").c_str(), 0700), 0);
  const Status directory = free();
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreLockTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkdir((dir_ / "lock").c_str(), 0700), 0);
  EXPECT_FALSE(Acquire());
  ASSERT_EQ(::rmdir((dir_ / "lock").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", (dir_ / "lock").c_str()), 0);
  EXPECT_FALSE(Acquire());
}

}  // namespace
}  // namespace tdefs
