// Owners, modes and the rights of other users.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using PermissionsTest = ScratchTest;

const User kAlice{2001, 2001, {3000}};
const User kBob{2002, 2002, {}};

TEST_F(PermissionsTest, FilesBelongToTheirCreatorAndFollowTheUmask) {
  int failed = RunAs(kNobody, [&] {
    umask(027);
    UniqueFd fd(open(Path("file").c_str(), O_WRONLY | O_CREAT, 0666));
    if (!fd) return errno;
    if (int error = ErrnoOf(mkdir(Path("dir").c_str(), 0777)); error != 0) return error;
    if (int error = ErrnoOf(symlink("file", Path("link").c_str())); error != 0) return error;
    return ErrnoOf(mkfifo(Path("fifo").c_str(), 0666));
  });
  ASSERT_EQ(failed, 0) << strerror(failed);
  EXPECT_EQ(Stat("file").st_mode, S_IFREG | 0640U);
  EXPECT_EQ(Stat("dir").st_mode, S_IFDIR | 0750U);
  EXPECT_EQ(Stat("fifo").st_mode, S_IFIFO | 0640U);
  for (const char* name : {"file", "dir", "link", "fifo"}) {
    EXPECT_EQ(Stat(name).st_uid, kNobody.uid) << name;
    EXPECT_EQ(Stat(name).st_gid, kNobody.gid) << name;
  }
}

TEST_F(PermissionsTest, StickyAndPermissionlessModesOfNewDirectoriesAreKept) {
  for (mode_t mode : {0, 01777, 0111, 0700}) {
    ASSERT_TRUE(Succeeds(mkdir(Path(std::to_string(mode)).c_str(), mode)));
    EXPECT_EQ(Stat(std::to_string(mode)).st_mode, S_IFDIR | mode);
  }
}

TEST_F(PermissionsTest, ForeignFilesAreClosedToOthers) {
  Write("secret", "root's", 0600);
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(open(Path("secret").c_str(), O_RDONLY)); }), EACCES);
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(chmod(Path("secret").c_str(), 0666)); }), EPERM);
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(chown(Path("secret").c_str(), 1, 1)); }), EPERM);
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(truncate(Path("secret").c_str(), 0)); }), EACCES);
}

TEST_F(PermissionsTest, SupplementaryGroupsCount) {
  ASSERT_TRUE(Succeeds(mkdir(Path("shared").c_str(), 0770)));
  ASSERT_TRUE(Succeeds(chown(Path("shared").c_str(), 0, 3000)));
  auto create = [&] { return ErrnoOf(open(Path("shared/file").c_str(), O_WRONLY | O_CREAT, 0600)); };
  EXPECT_EQ(RunAs(kBob, create), EACCES);
  EXPECT_EQ(RunAs(kAlice, create), 0);
  EXPECT_EQ(Stat("shared/file").st_uid, kAlice.uid);
}

TEST_F(PermissionsTest, ReadOnlyModeDoesNotStopTheCreatorsOwnDescriptor) {
  int failed = RunAs(kNobody, [&] {
    UniqueFd fd(open(Path("file").c_str(), O_RDWR | O_CREAT | O_EXCL, 0400));
    return fd ? ErrnoOf(write(fd.get(), "data", 4)) : errno;
  });
  EXPECT_EQ(failed, 0) << strerror(failed);
  EXPECT_EQ(ContentOf(Path("file")), "data");
  EXPECT_EQ(Stat("file").st_mode, S_IFREG | 0400U);
}

TEST_F(PermissionsTest, StickyDirectoryProtectsOthersFiles) {
  ASSERT_TRUE(Succeeds(mkdir(Path("tmp").c_str(), 01777)));
  ASSERT_EQ(RunAs(kAlice, [&] { return ErrnoOf(open(Path("tmp/hers").c_str(), O_WRONLY | O_CREAT, 0666)); }), 0);
  EXPECT_EQ(RunAs(kBob, [&] { return ErrnoOf(unlink(Path("tmp/hers").c_str())); }), EPERM);
  EXPECT_EQ(RunAs(kBob, [&] { return ErrnoOf(rename(Path("tmp/hers").c_str(), Path("tmp/his").c_str())); }), EPERM);
  EXPECT_EQ(RunAs(kAlice, [&] { return ErrnoOf(unlink(Path("tmp/hers").c_str())); }), 0);
}

TEST_F(PermissionsTest, SetgidDirectoryPassesItsGroupOn) {
  ASSERT_TRUE(Succeeds(mkdir(Path("group").c_str(), 0777)));
  ASSERT_TRUE(Succeeds(chown(Path("group").c_str(), 0, 3000)));
  ASSERT_TRUE(Succeeds(chmod(Path("group").c_str(), 02777)));
  int failed = RunAs(kBob, [&] {
    if (int error = ErrnoOf(open(Path("group/file").c_str(), O_WRONLY | O_CREAT, 0644)); error != 0) return error;
    return ErrnoOf(mkdir(Path("group/dir").c_str(), 0755));
  });
  ASSERT_EQ(failed, 0) << strerror(failed);
  EXPECT_EQ(Stat("group/file").st_gid, 3000U);
  EXPECT_EQ(Stat("group/dir").st_gid, 3000U);
  EXPECT_EQ(Stat("group/dir").st_mode, S_IFDIR | 02755U);
}

TEST_F(PermissionsTest, SetgidIsNotGivenToAFileOfAForeignGroup) {
  ASSERT_TRUE(Succeeds(mkdir(Path("group").c_str(), 0777)));
  ASSERT_TRUE(Succeeds(chown(Path("group").c_str(), 0, 3000)));
  ASSERT_TRUE(Succeeds(chmod(Path("group").c_str(), 02777)));
  ASSERT_EQ(RunAs(kBob, [&] { return ErrnoOf(open(Path("group/file").c_str(), O_WRONLY | O_CREAT, 02755)); }), 0);
  EXPECT_EQ(Stat("group/file").st_mode, S_IFREG | 0755U);
}

// Makes a file of `kBob` with set-uid and set-gid and lets him do something to it; returns the mode it then has.
class PrivilegeBitsTest : public ScratchTest {
 protected:
  mode_t ModeAfter(const std::function<int(int fd)>& act) {
    Write("program", Pattern(8192), 0755);
    EXPECT_TRUE(Succeeds(chown(Path("program").c_str(), kBob.uid, kBob.gid)));
    EXPECT_TRUE(Succeeds(chmod(Path("program").c_str(), 06755)));
    int failed = RunAs(kBob, [&] {
      UniqueFd fd(open(Path("program").c_str(), O_RDWR));
      return fd ? act(fd.get()) : errno;
    });
    EXPECT_EQ(failed, 0) << strerror(failed);
    return Stat("program").st_mode & 07777U;
  }
};

TEST_F(PrivilegeBitsTest, WriteClearsThem) {
  EXPECT_EQ(ModeAfter([](int fd) { return ErrnoOf(pwrite(fd, "x", 1, 0)); }), 0755U);
}
TEST_F(PrivilegeBitsTest, TruncateClearsThem) {
  EXPECT_EQ(ModeAfter([](int fd) { return ErrnoOf(ftruncate(fd, 100)); }), 0755U);
}
TEST_F(PrivilegeBitsTest, FallocateClearsThem) {
  EXPECT_EQ(ModeAfter([](int fd) { return ErrnoOf(fallocate(fd, 0, 0, 20000)); }), 0755U);
}
TEST_F(PrivilegeBitsTest, OpeningWithTruncationClearsThem) {
  EXPECT_EQ(ModeAfter([&](int) { return ErrnoOf(open(Path("program").c_str(), O_WRONLY | O_TRUNC)); }), 0755U);
}
TEST_F(PrivilegeBitsTest, ChownClearsThem) {
  EXPECT_EQ(ModeAfter([&](int) { return ErrnoOf(chown(Path("program").c_str(), kBob.uid, kBob.gid)); }), 0755U);
}
TEST_F(PrivilegeBitsTest, ReadingKeepsThem) {
  EXPECT_EQ(ModeAfter([](int fd) {
              char byte;
              return ErrnoOf(pread(fd, &byte, 1, 0));
            }),
            06755U);
}
TEST_F(PrivilegeBitsTest, ChownByRootClearsThem) {
  Write("program", "x", 0755);
  ASSERT_TRUE(Succeeds(chmod(Path("program").c_str(), 06755)));
  ASSERT_TRUE(Succeeds(chown(Path("program").c_str(), kBob.uid, kBob.gid)));
  EXPECT_EQ(Stat("program").st_mode & 07777U, 0755U);
}

// Creates, writes, reads back and removes files of its own, again and again.
int Work(const std::string& prefix) {
  for (int round = 0; round < 400; ++round) {
    std::string name = prefix + std::to_string(round % 7);
    UniqueFd fd(open(name.c_str(), O_RDWR | O_CREAT, 0600));
    if (!fd) return errno;
    if (pwrite(fd.get(), prefix.data(), prefix.size(), round) < 0) return errno;
    struct stat status {};
    if (fstat(fd.get(), &status) != 0) return errno;
    if (status.st_uid != getuid() || status.st_gid != getgid()) return 200;
    if (round % 7 == 6 && unlink(name.c_str()) != 0) return errno;
  }
  return 0;
}

TEST_F(PermissionsTest, ManyUsersAtOnceEachKeepTheirIdentity) {
  std::vector<pid_t> children;
  for (const User& user : {kAlice, kBob, kNobody, User{0, 0, {}}}) {
    pid_t child = fork();
    if (child == 0) _exit(RunAs(user, [&] { return Work(Path(fmt::format("u{}.", user.uid))); }));
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << strerror(WEXITSTATUS(status));
  }
}

}  // namespace
}  // namespace tdefs::posix
