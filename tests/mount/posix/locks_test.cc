// Locks between processes and between descriptors, as SQLite, LMDB, InnoDB and RocksDB take them.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using LocksTest = ScratchTest;

int Lock(int fd, int command, short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return fcntl(fd, command, &lock);
}

TEST_F(LocksTest, RecordLocksKeepOtherProcessesOut) {
  Write("file", "0123456789");
  UniqueFd fd = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(Lock(fd.get(), F_SETLK, F_WRLCK, 2, 4)));
  auto try_lock = [&](off_t start) {
    return RunInChild([&] {
      UniqueFd own(open(Path("file").c_str(), O_RDWR));
      return own ? ErrnoOf(Lock(own.get(), F_SETLK, F_WRLCK, start, 1)) : errno;
    });
  };
  EXPECT_EQ(try_lock(3), EAGAIN);
  EXPECT_EQ(try_lock(7), 0);
  ASSERT_TRUE(Succeeds(Lock(fd.get(), F_SETLK, F_UNLCK, 0, 0)));
  EXPECT_EQ(try_lock(3), 0);
}

TEST_F(LocksTest, ClosingAnyDescriptorDropsTheProcessesRecordLocks) {
  Write("file", "0123456789");
  UniqueFd fd = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(Lock(fd.get(), F_SETLK, F_WRLCK, 0, 1)));
  Open("file", O_RDONLY).Reset();
  EXPECT_EQ(RunInChild([&] {
              UniqueFd own(open(Path("file").c_str(), O_RDWR));
              return ErrnoOf(Lock(own.get(), F_SETLK, F_WRLCK, 0, 1));
            }),
            0);
}

TEST_F(LocksTest, OpenFileDescriptionLocksBelongToTheDescriptor) {
  Write("file", "0123456789");
  UniqueFd first = Open("file", O_RDWR), second = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(Lock(first.get(), F_OFD_SETLK, F_WRLCK, 0, 5)));
  EXPECT_TRUE(FailsWith(EAGAIN, Lock(second.get(), F_OFD_SETLK, F_WRLCK, 4, 1)));
  EXPECT_TRUE(Succeeds(Lock(second.get(), F_OFD_SETLK, F_WRLCK, 5, 1)));
  first.Reset();
  EXPECT_TRUE(Succeeds(Lock(second.get(), F_OFD_SETLK, F_WRLCK, 4, 1)));
}

TEST_F(LocksTest, FlockExcludesOtherDescriptors) {
  Write("file", "0123456789");
  UniqueFd first = Open("file", O_RDWR), second = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(flock(first.get(), LOCK_SH)));
  EXPECT_TRUE(Succeeds(flock(second.get(), LOCK_SH | LOCK_NB)));
  EXPECT_TRUE(FailsWith(EWOULDBLOCK, flock(second.get(), LOCK_EX | LOCK_NB)));
  first.Reset();
  EXPECT_TRUE(Succeeds(flock(second.get(), LOCK_EX | LOCK_NB)));
}

TEST_F(LocksTest, KilledProcessLeavesNoLock) {
  Write("file", "0123456789");
  EXPECT_EQ(RunInChild([&] {
              int fd = open(Path("file").c_str(), O_RDWR);
              return Lock(fd, F_SETLK, F_WRLCK, 0, 0) != 0 || flock(fd, LOCK_EX) != 0 ? errno : raise(SIGKILL);
            }),
            -1);
  UniqueFd fd = Open("file", O_RDWR);
  EXPECT_TRUE(Succeeds(Lock(fd.get(), F_SETLK, F_WRLCK, 0, 0)));
  EXPECT_TRUE(Succeeds(flock(fd.get(), LOCK_EX | LOCK_NB)));
}

}  // namespace
}  // namespace tdefs::posix
