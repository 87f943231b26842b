// Times and extended attributes.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

constexpr time_t kOld = 978'307'200;  // 2001-01-01

class TimesTest : public ScratchTest {
 protected:
  void SetTimes(std::string_view name, timespec access, timespec modification, int flags = 0) {
    timespec times[2] = {access, modification};
    ASSERT_TRUE(Succeeds(utimensat(AT_FDCWD, Path(name).c_str(), times, flags)));
  }
};

TEST_F(TimesTest, NanosecondsAreKept) {
  Write("file", "x");
  SetTimes("file", {kOld, 123'456'789}, {kOld + 5, 987'654'321});
  DropCaches();
  EXPECT_EQ(Stat("file").st_atim.tv_sec, kOld);
  EXPECT_EQ(Stat("file").st_atim.tv_nsec, 123'456'789);
  EXPECT_EQ(Stat("file").st_mtim.tv_sec, kOld + 5);
  EXPECT_EQ(Stat("file").st_mtim.tv_nsec, 987'654'321);
}

TEST_F(TimesTest, OneOfTheTwoCanBeKept) {
  Write("file", "x");
  SetTimes("file", {kOld, 1}, {kOld, 2});
  SetTimes("file", {0, UTIME_OMIT}, {kOld + 9, 9});
  EXPECT_EQ(Stat("file").st_atim.tv_sec, kOld);
  EXPECT_EQ(Stat("file").st_mtim.tv_sec, kOld + 9);
  SetTimes("file", {kOld + 7, 7}, {0, UTIME_OMIT});
  EXPECT_EQ(Stat("file").st_atim.tv_sec, kOld + 7);
  EXPECT_EQ(Stat("file").st_mtim.tv_sec, kOld + 9);
  SetTimes("file", {0, UTIME_NOW}, {0, UTIME_OMIT});
  EXPECT_GT(Stat("file").st_atim.tv_sec, kOld + 1000);
  EXPECT_EQ(Stat("file").st_mtim.tv_sec, kOld + 9);
}

TEST_F(TimesTest, SymlinksHaveTheirOwn) {
  Write("file", "x");
  ASSERT_TRUE(Succeeds(symlink("file", Path("link").c_str())));
  SetTimes("link", {kOld, 0}, {kOld, 0}, AT_SYMLINK_NOFOLLOW);
  EXPECT_EQ(Stat("link").st_mtim.tv_sec, kOld);
  EXPECT_GT(Stat("file").st_mtim.tv_sec, kOld);
}

TEST_F(TimesTest, WritingMovesModificationAndChange) {
  Write("file", "x");
  SetTimes("file", {kOld, 0}, {kOld, 0});
  UniqueFd fd = Open("file", O_RDWR);
  ASSERT_TRUE(Succeeds(pwrite(fd.get(), "y", 1, 0)));
  EXPECT_GT(Stat("file").st_mtim.tv_sec, kOld);
  SetTimes("file", {kOld, 0}, {kOld, 0});
  ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 100)));
  EXPECT_GT(Stat("file").st_mtim.tv_sec, kOld);
}

TEST_F(TimesTest, ReadingMovesAccess) {
  Write("file", "x");
  SetTimes("file", {kOld, 0}, {kOld + 1, 0});
  DropCaches();
  EXPECT_EQ(ContentOf(Path("file")), "x");
  EXPECT_GT(Stat("file").st_atim.tv_sec, kOld + 1);
}

TEST_F(TimesTest, ChangesInADirectoryMoveItsModification) {
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0755)));
  SetTimes("dir", {kOld, 0}, {kOld, 0});
  Write("dir/file", "x");
  EXPECT_GT(Stat("dir").st_mtim.tv_sec, kOld);
  SetTimes("dir", {kOld, 0}, {kOld, 0});
  ASSERT_TRUE(Succeeds(unlink(Path("dir/file").c_str())));
  EXPECT_GT(Stat("dir").st_mtim.tv_sec, kOld);
}

TEST_F(TimesTest, NonOwnersWithWriteAccessMayOnlySetNow) {
  Write("file", "x", 0666);
  timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, old[2] = {{kOld, 0}, {kOld, 0}};
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(utimensat(AT_FDCWD, Path("file").c_str(), now, 0)); }), 0);
  EXPECT_EQ(RunAs(kNobody, [&] { return ErrnoOf(utimensat(AT_FDCWD, Path("file").c_str(), old, 0)); }), EPERM);
}

class XattrTest : public ScratchTest {
 protected:
  std::set<std::string> List(std::string_view name) {
    std::string list(64 << 10, '\0');
    ssize_t size = llistxattr(Path(name).c_str(), list.data(), list.size());
    EXPECT_TRUE(Succeeds(size));
    std::set<std::string> names;
    for (size_t at = 0; at < static_cast<size_t>(std::max<ssize_t>(size, 0));) {
      names.insert(list.c_str() + at);
      at += std::string(list.c_str() + at).size() + 1;
    }
    return names;
  }
  std::string Get(std::string_view name, const char* attribute) {
    std::string value(64 << 10, '\0');
    ssize_t size = lgetxattr(Path(name).c_str(), attribute, value.data(), value.size());
    if (size < 0) return strerrorname_np(errno);
    value.resize(static_cast<size_t>(size));
    return value;
  }
  int64_t Set(std::string_view name, const char* attribute, const std::string& value, int flags = 0) {
    return lsetxattr(Path(name).c_str(), attribute, value.data(), value.size(), flags);
  }
};

TEST_F(XattrTest, AreSetReadListedAndRemoved) {
  Write("file", "content");
  ASSERT_TRUE(Succeeds(Set("file", "user.one", "1")));
  ASSERT_TRUE(Succeeds(Set("file", "user.empty", "")));
  EXPECT_TRUE(FailsWith(EEXIST, Set("file", "user.one", "2", XATTR_CREATE)));
  EXPECT_TRUE(FailsWith(ENODATA, Set("file", "user.two", "2", XATTR_REPLACE)));
  DropCaches();
  EXPECT_EQ(List("file"), (std::set<std::string>{"user.one", "user.empty"}));
  EXPECT_EQ(Get("file", "user.one"), "1");
  EXPECT_EQ(Get("file", "user.empty"), "");
  ASSERT_TRUE(Succeeds(removexattr(Path("file").c_str(), "user.one")));
  EXPECT_EQ(Get("file", "user.one"), "ENODATA");
}

TEST_F(XattrTest, SizesAreAskedForAsUsual) {
  Write("file", "content");
  EXPECT_EQ(listxattr(Path("file").c_str(), nullptr, 0), 0);
  ASSERT_TRUE(Succeeds(Set("file", "user.one", std::string(100, 'v'))));
  char little[10];
  EXPECT_EQ(getxattr(Path("file").c_str(), "user.one", nullptr, 0), 100);
  EXPECT_TRUE(FailsWith(ERANGE, getxattr(Path("file").c_str(), "user.one", little, sizeof little)));
  EXPECT_EQ(listxattr(Path("file").c_str(), nullptr, 0), 9);
  EXPECT_TRUE(FailsWith(ERANGE, listxattr(Path("file").c_str(), little, 3)));
}

TEST_F(XattrTest, ManyAndLargeOnesFit) {
  Write("large", "content");
  std::string value = Pattern(3500);
  ASSERT_TRUE(Succeeds(Set("large", "user.large", value)));
  DropCaches();
  EXPECT_EQ(Get("large", "user.large"), value);
  Write("many", "content");
  for (int number = 0; number < 60; ++number) {
    ASSERT_TRUE(Succeeds(Set("many", ("user.number" + std::to_string(number)).c_str(), "value"))) << number;
  }
  EXPECT_EQ(List("many").size(), 60U);
}

TEST_F(XattrTest, OtherNamespacesAndSymlinksWork) {
  Write("file", "content");
  ASSERT_TRUE(Succeeds(Set("file", "trusted.note", "t")));
  EXPECT_EQ(Get("file", "trusted.note"), "t");
  ASSERT_TRUE(Succeeds(symlink("file", Path("link").c_str())));
  ASSERT_TRUE(Succeeds(Set("link", "trusted.note", "on the link")));
  EXPECT_EQ(Get("link", "trusted.note"), "on the link");
  EXPECT_EQ(Get("file", "trusted.note"), "t");
  EXPECT_TRUE(FailsWith(EPERM, Set("link", "user.note", "x")));
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0755)));
  ASSERT_TRUE(Succeeds(Set("dir", "user.note", "on the directory")));
  EXPECT_EQ(Get("dir", "user.note"), "on the directory");
}

}  // namespace
}  // namespace tdefs::posix
