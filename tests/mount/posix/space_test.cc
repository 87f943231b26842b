// Holes, preallocation and what stat and statfs say about space.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using SpaceTest = ScratchTest;

TEST_F(SpaceTest, HolesAreFoundAndReadAsZeros) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(pwrite(fd.get(), "data", 4, 1 << 20)));
  ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 3 << 20)));
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_HOLE), 0);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_DATA), 1 << 20);
  off_t hole = lseek(fd.get(), 1 << 20, SEEK_HOLE);
  EXPECT_GT(hole, 1 << 20);
  EXPECT_LE(hole, (1 << 20) + (64 << 10));
  EXPECT_TRUE(FailsWith(ENXIO, lseek(fd.get(), 3 << 20, SEEK_DATA)));
  std::string expected(3 << 20, '\0');
  expected.replace(1 << 20, 4, "data");
  EXPECT_TRUE(ContentOf(fd.get()) == expected);
}

// A copying program that trusts SEEK_DATA must not lose what no sync has brought to the filesystem yet.
TEST_F(SpaceTest, FreshDataIsNotCalledAHole) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  std::string content = Pattern(100'000);
  ASSERT_EQ(write(fd.get(), content.data(), content.size()), 100'000);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_DATA), 0);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_HOLE), 100'000);
}

TEST_F(SpaceTest, SparseFilesUseNoSpace) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 1LL << 40)));
  EXPECT_EQ(Stat("file").st_size, 1LL << 40);
  EXPECT_LE(Stat("file").st_blocks, 64);
  ASSERT_TRUE(Succeeds(pwrite(fd.get(), "end", 3, (1LL << 40) - 3)));
  EXPECT_LE(Stat("file").st_blocks, 64);
}

TEST_F(SpaceTest, StatShowsWhatTheFileUses) {
  Write("file", Pattern(1 << 20));
  UniqueFd fd = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(fsync(fd.get())));
  DropCaches();
  EXPECT_GE(Stat("file").st_blocks, (1 << 20) / 512);
  EXPECT_LE(Stat("file").st_blocks, (1 << 20) / 512 + 64);
  EXPECT_EQ(Stat("file").st_blksize, 4096);
}

TEST_F(SpaceTest, PreallocationKeepsOrGrowsTheSizeAsAsked) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(write(fd.get(), "start", 5)));
  ASSERT_TRUE(Succeeds(fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, 1 << 20)));
  EXPECT_EQ(Stat("file").st_size, 5);
  DropCaches();
  EXPECT_GE(Stat("file").st_blocks, (1 << 20) / 512);
  ASSERT_TRUE(Succeeds(fallocate(fd.get(), 0, 0, 100'001)));
  EXPECT_EQ(Stat("file").st_size, 100'001);
  std::string expected(100'001, '\0');
  expected.replace(0, 5, "start");
  EXPECT_TRUE(ContentOf(fd.get()) == expected);
  EXPECT_EQ(posix_fallocate(fd.get(), 200'000, 5), 0);
  EXPECT_EQ(Stat("file").st_size, 200'005);
}

TEST_F(SpaceTest, PunchedAndZeroedRangesReadAsZerosAtAnyEdge) {
  for (off_t begin : {0, 1, 15, 16, 17, 4095, 4096, 4097}) {
    for (off_t length : {1, 15, 16, 31, 4096, 9001}) {
      for (int mode : {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                       FALLOC_FL_ZERO_RANGE}) {
        std::string expected = Pattern(20'000);
        Write("file", expected);
        UniqueFd fd = Open("file", O_RDWR);
        ASSERT_TRUE(Succeeds(fallocate(fd.get(), mode, begin, length)));
        expected.replace(static_cast<size_t>(begin), static_cast<size_t>(length), static_cast<size_t>(length), '\0');
        ASSERT_TRUE(ContentOf(fd.get()) == expected) << "mode " << mode << " at " << begin << " length " << length;
      }
    }
  }
}

TEST_F(SpaceTest, PunchingFreesSpace) {
  Write("file", Pattern(1 << 20));
  UniqueFd fd = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(fsync(fd.get())));
  ASSERT_TRUE(Succeeds(fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20)));
  DropCaches();
  EXPECT_LE(Stat("file").st_blocks, 64);
}

TEST_F(SpaceTest, WritesIntoHolesKeepTheirNeighboursZero) {
  for (off_t begin : {0, 5, 15, 16, 4090}) {
    for (size_t length : {size_t{1}, size_t{3}, size_t{16}, size_t{40}}) {
      UniqueFd fd = Open("file", O_RDWR | O_CREAT | O_TRUNC);
      ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 12'345)));
      std::string data = Pattern(length);
      ASSERT_TRUE(Succeeds(pwrite(fd.get(), data.data(), length, begin)));
      std::string expected(12'345, '\0');
      expected.replace(static_cast<size_t>(begin), length, data);
      ASSERT_TRUE(ContentOf(fd.get()) == expected) << length << " bytes at " << begin;
    }
  }
}

TEST_F(SpaceTest, ShrinkingAndGrowingShowsZerosInBetween) {
  for (off_t cut : {1, 15, 16, 17, 4095, 4097, 9000}) {
    std::string expected = Pattern(10'000);
    Write("file", expected);
    UniqueFd fd = Open("file", O_RDWR);
    ASSERT_TRUE(Succeeds(ftruncate(fd.get(), cut)));
    ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 10'007)));
    expected.resize(static_cast<size_t>(cut));
    expected.resize(10'007, '\0');
    ASSERT_TRUE(ContentOf(fd.get()) == expected) << cut;
  }
}

TEST_F(SpaceTest, CollapseAndInsertAreRefusedOrRight) {
  std::string content = Pattern(3 * 4096);
  Write("file", content);
  UniqueFd fd = Open("file", O_RDWR);
  if (fallocate(fd.get(), FALLOC_FL_COLLAPSE_RANGE, 0, 4096) == 0) {
    content.erase(0, 4096);
  } else {
    EXPECT_EQ(errno, EOPNOTSUPP);
  }
  EXPECT_TRUE(ContentOf(fd.get()) == content);
}

TEST_F(SpaceTest, StatfsIsThatOfTheBackingFilesystem) {
  if (ThePlace().backing.empty()) GTEST_SKIP() << "needs --backing";
  struct statvfs mounted {
  }, backing{};
  ASSERT_TRUE(Succeeds(statvfs(directory().c_str(), &mounted)));
  ASSERT_TRUE(Succeeds(statvfs(ThePlace().backing.c_str(), &backing)));
  EXPECT_EQ(mounted.f_blocks * mounted.f_frsize, backing.f_blocks * backing.f_frsize);
  EXPECT_EQ(mounted.f_files, backing.f_files);
  EXPECT_EQ(mounted.f_namemax, 255U);
}

TEST_F(SpaceTest, SizeAndInodeNumberAreThoseOfTheBackingFile) {
  if (ThePlace().backing.empty()) GTEST_SKIP() << "needs --backing";
  Write("file", Pattern(12'345));
  struct stat backing {};
  ASSERT_TRUE(Succeeds(stat(BackingPath("file").c_str(), &backing)));
  EXPECT_EQ(backing.st_size, 12'345);
  EXPECT_EQ(backing.st_ino, Stat("file").st_ino);
}

}  // namespace
}  // namespace tdefs::posix
