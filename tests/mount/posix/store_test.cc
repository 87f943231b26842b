// What only a tdefs mount promises: the store's own files and tags cannot be reached, and nothing is readable below.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

constexpr const char* kTag = "user.tdefs";

class StoreTest : public ScratchTest {
 protected:
  void SetUp() override {
    ScratchTest::SetUp();
    if (ThePlace().backing.empty()) GTEST_SKIP() << "needs --backing";
  }
  std::string InRoot(std::string_view name) const { return ThePlace().directory + "/" + std::string(name); }
};

TEST_F(StoreTest, StoreDirectoryIsInvisible) {
  struct stat status {};
  EXPECT_TRUE(FailsWith(ENOENT, stat(InRoot(".tdefs").c_str(), &status)));
  EXPECT_TRUE(FailsWith(ENOENT, stat(InRoot(".tdefs/key.dict").c_str(), &status)));
  EXPECT_TRUE(FailsWith(ENOENT, open(InRoot(".tdefs/file.dict").c_str(), O_RDONLY)));
  DIR* root = opendir(ThePlace().directory.c_str());
  ASSERT_NE(root, nullptr);
  while (const dirent* entry = readdir(root)) EXPECT_STRNE(entry->d_name, ".tdefs");
  closedir(root);
  EXPECT_TRUE(Succeeds(stat((ThePlace().backing + "/.tdefs/key.dict").c_str(), &status)));
}

TEST_F(StoreTest, StoreDirectoryCannotBeMadeReplacedOrRemoved) {
  Write("file", "x");
  std::string hidden = InRoot(".tdefs"), file = Path("file");
  EXPECT_LT(mkdir(hidden.c_str(), 0700), 0);
  EXPECT_LT(open(hidden.c_str(), O_CREAT | O_WRONLY, 0600), 0);
  EXPECT_LT(mknod(hidden.c_str(), S_IFIFO | 0600, 0), 0);
  EXPECT_LT(symlink("x", hidden.c_str()), 0);
  EXPECT_LT(link(file.c_str(), hidden.c_str()), 0);
  EXPECT_LT(rename(file.c_str(), hidden.c_str()), 0);
  EXPECT_LT(rename(hidden.c_str(), Path("gone").c_str()), 0);
  EXPECT_LT(rmdir(hidden.c_str()), 0);
  EXPECT_LT(unlink(hidden.c_str()), 0);
  EXPECT_LT(renameat2(AT_FDCWD, directory().c_str(), AT_FDCWD, hidden.c_str(), RENAME_EXCHANGE), 0);
  struct stat status {};
  EXPECT_TRUE(Succeeds(stat((ThePlace().backing + "/.tdefs/key.dict").c_str(), &status)));
}

TEST_F(StoreTest, SameNameBelowTheRootIsAnOrdinaryName) {
  ASSERT_TRUE(Succeeds(mkdir(Path(".tdefs").c_str(), 0755)));
  Write(".tdefs/key.dict", "just a file");
  EXPECT_EQ(ContentOf(Path(".tdefs/key.dict")), "just a file");
}

TEST_F(StoreTest, TagIsHiddenAndCannotBeChanged) {
  Write("file", "content");
  std::string path = Path("file");
  char value[256];
  EXPECT_GT(getxattr(BackingPath("file").c_str(), kTag, value, sizeof value), 0) << "the backing file has no tag";
  EXPECT_TRUE(FailsWith(ENODATA, getxattr(path.c_str(), kTag, value, sizeof value)));
  EXPECT_EQ(listxattr(path.c_str(), value, sizeof value), 0);
  EXPECT_LT(setxattr(path.c_str(), kTag, "forged", 6, 0), 0);
  EXPECT_LT(removexattr(path.c_str(), kTag), 0);
  DropCaches();
  EXPECT_EQ(ContentOf(path), "content");
}

TEST_F(StoreTest, TagFitsIntoTheInode) {
  Write("file", "content");
  ssize_t size = getxattr(BackingPath("file").c_str(), kTag, nullptr, 0);
  EXPECT_GT(size, 0);
  EXPECT_LE(size, 64);
}

TEST_F(StoreTest, ContentBelowIsNotThePlaintext) {
  std::string content;
  while (content.size() < 64 << 10) content += "a sentence that anyone could read; ";
  Write("file", content);
  std::string below = ContentOf(BackingPath("file"));
  EXPECT_EQ(below.size(), content.size());
  EXPECT_EQ(below.find("sentence"), std::string::npos);
}

TEST_F(StoreTest, EqualFilesDifferBelow) {
  std::string content = Pattern(1000);
  Write("one", content);
  Write("two", content);
  EXPECT_NE(ContentOf(BackingPath("one")), ContentOf(BackingPath("two")));
}

TEST_F(StoreTest, TruncatedFileIsEncryptedAnew) {
  std::string content = Pattern(1000);
  Write("file", content);
  std::string first = ContentOf(BackingPath("file"));
  Write("file", content);
  EXPECT_NE(ContentOf(BackingPath("file")), first);
  UniqueFd fd = Open("file", O_RDWR);
  std::string second = ContentOf(BackingPath("file"));
  ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 0)));
  ASSERT_EQ(pwrite(fd.get(), content.data(), content.size(), 0), 1000);
  EXPECT_NE(ContentOf(BackingPath("file")), second);
}

TEST_F(StoreTest, CopiedRangeIsEncryptedForItsOwnFile) {
  std::string content = Pattern(4096);
  Write("from", content);
  UniqueFd from = Open("from", O_RDONLY), to = Open("to", O_RDWR | O_CREAT);
  ASSERT_EQ(copy_file_range(from.get(), nullptr, to.get(), nullptr, 4096, 0), 4096);
  EXPECT_NE(ContentOf(BackingPath("from")), ContentOf(BackingPath("to")));
}

}  // namespace
}  // namespace tdefs::posix
