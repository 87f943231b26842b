#include "base/file_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "temporary_directory.h"

namespace tdefs {
namespace {

class FileIoTest : public testing::Test {
 protected:
  mode_t ModeOf(const std::string& name) {
    struct stat attributes {};
    EXPECT_EQ(::fstatat(directory_.fd(), name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW), 0);
    return attributes.st_mode & 07777;
  }
  std::string Content(const std::string& name) {
    auto content = ReadFileAt(directory_.fd(), name, 1 << 20);
    EXPECT_TRUE(content) << name;
    return content ? std::string(AsText(*content)) : std::string();
  }
  size_t EntryCount() {
    auto entries = std::filesystem::directory_iterator(directory_.path());
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }

  TemporaryDirectory directory_;
};

TEST_F(FileIoTest, ReplaceMakesAFileOnlyItsOwnerReads) {
  const mode_t before = ::umask(0);
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "key.dict", AsBytes("one")));
  ::umask(before);
  EXPECT_EQ(Content("key.dict"), "one");
  EXPECT_EQ(ModeOf("key.dict"), 0600U);
  EXPECT_EQ(EntryCount(), 1U);
}

TEST_F(FileIoTest, ReplaceSwapsTheWholeContent) {
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", AsBytes("a long first content")));
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", AsBytes("short")));
  EXPECT_EQ(Content("f"), "short");
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", {}));
  EXPECT_EQ(Content("f"), "");
  EXPECT_EQ(EntryCount(), 1U);
}

// Whoever has the old file open keeps it: the new one is another inode.
TEST_F(FileIoTest, ReplaceNeverWritesIntoTheOldFile) {
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", AsBytes("old")));
  UniqueFd old = OpenAt(directory_.fd(), "f", O_RDONLY).value();
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", AsBytes("new")));
  Bytes bytes(3);
  EXPECT_EQ(ReadAt(old.get(), bytes, 0), 3U);
  EXPECT_EQ(AsText(bytes), "old");
}

TEST_F(FileIoTest, LeftoverOfACrashIsOverwritten) {
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f.tmp", AsBytes("half of what should have been written")));
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", AsBytes("new")));
  EXPECT_EQ(Content("f"), "new");
  EXPECT_EQ(EntryCount(), 1U);
}

TEST_F(FileIoTest, FailedReplaceKeepsTheOldFileAndLeavesNothingBehind) {
  std::filesystem::create_directory(directory_.PathOf("d"));  // a rename over a directory fails
  auto renamed = ReplaceFileAt(directory_.fd(), "d", AsBytes("new"));
  ASSERT_FALSE(renamed);
  EXPECT_EQ(renamed.error().Errno(), EISDIR);
  EXPECT_TRUE(std::filesystem::is_directory(directory_.PathOf("d")));
  EXPECT_EQ(EntryCount(), 1U);
}

TEST_F(FileIoTest, ReplaceFollowsNoSymlinkInItsTemporaryName) {
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "victim", AsBytes("safe")));
  std::filesystem::create_symlink("victim", directory_.PathOf("f.tmp"));
  auto replaced = ReplaceFileAt(directory_.fd(), "f", AsBytes("new"));
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().Errno(), ELOOP);
  EXPECT_EQ(Content("victim"), "safe");
}

TEST_F(FileIoTest, WriteReportsAFullDisk) {
  UniqueFd full = OpenAt(AT_FDCWD, "/dev/full", O_WRONLY).value();
  auto written = WriteAt(full.get(), AsBytes("x"), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().Text(), "write: No space left on device");
}

TEST_F(FileIoTest, ReadTakesFilesUpToTheLimit) {
  ASSERT_TRUE(ReplaceFileAt(directory_.fd(), "f", Bytes(100, std::byte{7})));
  EXPECT_EQ(ReadFileAt(directory_.fd(), "f", 100), Bytes(100, std::byte{7}));
  auto content = ReadFileAt(directory_.fd(), "f", 99);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::kLimit);
  EXPECT_EQ(content.error().message, "f: 100 bytes, at most 99 are read");
}

TEST_F(FileIoTest, ReadNamesTheMissingFile) {
  auto content = ReadFileAt(directory_.fd(), "missing", 10);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().Text(), "open missing: No such file or directory");
}

TEST_F(FileIoTest, ReadRefusesWhatIsNotARegularFile) {
  ASSERT_EQ(::mkfifoat(directory_.fd(), "fifo", 0600), 0);
  std::filesystem::create_directory(directory_.PathOf("directory"));
  for (const char* name : {"fifo", "directory"}) {
    auto content = ReadFileAt(directory_.fd(), name, 10);
    ASSERT_FALSE(content) << name;
    EXPECT_EQ(content.error().code, ErrorCode::kCorrupt);
  }
  std::filesystem::create_symlink("/etc/hostname", directory_.PathOf("symlink"));
  EXPECT_EQ(ReadFileAt(directory_.fd(), "symlink", 1000).error().Errno(), ELOOP);
}

TEST_F(FileIoTest, ReadAtStopsAtTheEndOfTheFile) {
  UniqueFd fd = OpenAt(directory_.fd(), "f", O_RDWR | O_CREAT, 0600).value();
  ASSERT_TRUE(WriteAt(fd.get(), AsBytes("0123456789"), 5));
  Bytes bytes(20);
  EXPECT_EQ(ReadAt(fd.get(), bytes, 8), 7U);
  EXPECT_EQ(AsText(ByteView(bytes).first(7)), "3456789");
  EXPECT_EQ(ReadAt(fd.get(), bytes, 100), 0U);
  EXPECT_EQ(ReadAt(fd.get(), {}, 0), 0U);
  EXPECT_EQ(ReadAt(-1, bytes, 0).error().Errno(), EBADF);
  EXPECT_EQ(WriteAt(-1, AsBytes("x"), 0).error().Errno(), EBADF);
}

TEST_F(FileIoTest, OpenAtGivesTheModeAndClosesOnExec) {
  const mode_t before = ::umask(0);
  UniqueFd fd = OpenAt(directory_.fd(), "f", O_RDWR | O_CREAT | O_EXCL, 0640).value();
  ::umask(before);
  EXPECT_EQ(ModeOf("f"), 0640U);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(OpenAt(directory_.fd(), "f", O_RDWR | O_CREAT | O_EXCL, 0640).error().Errno(), EEXIST);
}

TEST_F(FileIoTest, UniqueFdClosesOnceAndMoves) {
  UniqueFd first = OpenAt(directory_.fd(), ".", O_RDONLY | O_DIRECTORY).value();
  const int number = first.get();
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): the state after a move is what is tested
  EXPECT_EQ(second.get(), number);
  UniqueFd third;
  third = std::move(second);
  EXPECT_GE(::fcntl(number, F_GETFD), 0);
  third.Reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  UniqueFd fourth = OpenAt(directory_.fd(), ".", O_RDONLY | O_DIRECTORY).value();
  const UniqueFd released(fourth.Release());
  EXPECT_FALSE(fourth);
  EXPECT_GE(::fcntl(released.get(), F_GETFD), 0);
}

}  // namespace
}  // namespace tdefs
