// Volume in hostile hands: names that are none, the store's own names, paths without end, a backing tree that is
// changed meanwhile, and callers that try to use up descriptors.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "fs/backing_walk.h"
#include "fs/volume.h"
#include "keys/log_change.h"
#include "tests/unit/fs/temporary_store.h"

namespace tdefs {
namespace {

class VolumeHostileTest : public ::testing::Test {
 protected:
  void SetUp() override { store_.Open(); }
  Volume& volume() { return store_.volume(); }

  NodeId MakeDirectory(NodeId parent, const std::string& name) {
    auto made = volume().MakeDirectory(parent, name.c_str(), 0755, Caller());
    EXPECT_TRUE(made) << made.error().Text();
    return made ? made->id : 0;
  }
  template <typename Outcome>
  static int ErrnoOf(const Outcome& outcome) {
    return outcome ? 0 : outcome.error().Errno();
  }
  // The errno of each operation that makes, takes or finds a name, with how it is called.
  std::vector<std::pair<std::string, int>> TryName(NodeId parent, const char* name, NodeId file) {
    const Caller caller;
    Volume& v = volume();
    return {{"lookup", ErrnoOf(v.Lookup(parent, name))},
            {"create", ErrnoOf(v.Create(parent, name, 0600, O_RDWR, caller))},
            {"create exclusively", ErrnoOf(v.Create(parent, name, 0600, O_RDWR | O_EXCL, caller))},
            {"mkdir", ErrnoOf(v.MakeDirectory(parent, name, 0700, caller))},
            {"mknod", ErrnoOf(v.MakeNode(parent, name, S_IFIFO | 0600, 0, caller))},
            {"mknod of a file", ErrnoOf(v.MakeNode(parent, name, S_IFREG | 0600, 0, caller))},
            {"symlink", ErrnoOf(v.MakeSymlink(parent, name, "target", caller))},
            {"link", ErrnoOf(v.Link(file, parent, name))},
            {"rename onto", ErrnoOf(v.Rename(kRootNode, "file", parent, name, 0))},
            {"rename beside", ErrnoOf(v.Rename(kRootNode, "file", parent, name, RENAME_NOREPLACE))},
            {"rename away", ErrnoOf(v.Rename(parent, name, kRootNode, "away", 0))},
            {"exchange", ErrnoOf(v.Rename(kRootNode, "file", parent, name, RENAME_EXCHANGE))},
            {"exchange back", ErrnoOf(v.Rename(parent, name, kRootNode, "file", RENAME_EXCHANGE))},
            {"unlink", ErrnoOf(v.Unlink(parent, name))},
            {"rmdir", ErrnoOf(v.RemoveDirectory(parent, name))}};
  }
  ino_t BackingInode(const std::string& path) {
    struct stat attributes {};
    EXPECT_EQ(::stat(path.c_str(), &attributes), 0) << path;
    return attributes.st_ino;
  }
  static size_t OpenDescriptors() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
  }

  TemporaryStore store_;
};

TEST_F(VolumeHostileTest, NamesThatAreNoneAreRefusedEverywhere) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  const NodeId file = *store_.Find("file"), dir = MakeDirectory(kRootNode, "dir");
  for (const NodeId parent : {kRootNode, dir}) {
    for (const char* name : {"", ".", "..", "/", "a/b", "../file", "./.tdefs", "/etc/passwd"}) {
      for (const auto& [what, error] : TryName(parent, name, file)) EXPECT_EQ(error, EINVAL) << what << " " << name;
    }
    const std::string long_name(256, 'n');
    for (const auto& [what, error] : TryName(parent, long_name.c_str(), file)) EXPECT_EQ(error, ENAMETOOLONG) << what;
  }
  EXPECT_EQ(store_.ReadFile("file"), "content");
}

TEST_F(VolumeHostileTest, TheStoresOwnDirectoryCanBeNeitherFoundNorTouched) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  const NodeId file = *store_.Find("file");
  for (const auto& [what, error] : TryName(kRootNode, kStoreDirName, file)) {
    EXPECT_EQ(error, what == "lookup" ? ENOENT : EPERM) << what;
  }
  // Elsewhere it is a name like any other.
  const NodeId dir = MakeDirectory(kRootNode, "dir");
  ASSERT_TRUE(store_.WriteFile(dir, kStoreDirName, "just a file"));
  EXPECT_EQ(store_.ReadFile(std::string("dir/") + kStoreDirName), "just a file");
  EXPECT_EQ(volume().Rename(dir, kStoreDirName, kRootNode, kStoreDirName, 0).error().Errno(), EPERM);
}

TEST_F(VolumeHostileTest, FilesOutsideAndTheStoresOwnAreNotReachedByNumber) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  const std::string own = store_.backing() + "/" + kStoreDirName, base = store_.backing() + "/..";
  std::ofstream(base + "/outside") << "outside";
  std::ofstream(base + "/tagged") << "outside";
  ASSERT_EQ(::setxattr((base + "/tagged").c_str(), kTagXattrName, std::string(48, 't').data(), 48, 0), 0);
  std::filesystem::create_directory(base + "/directory");
  for (const std::string& path : {own, own + "/" + kKeyDictionaryName, own + "/" + kFileDictionaryName,
                                  base + "/outside", base + "/tagged", base + "/directory", base}) {
    const auto entry = volume().LookupSelf(BackingInode(path));
    EXPECT_FALSE(entry) << path;
    EXPECT_NE(ErrnoOf(entry), 0) << path;
  }
}

TEST_F(VolumeHostileTest, NamesOf255BytesAndNamesThatAreNotUtf8AreKept) {
  const std::string longest(255, 'n'), odd = "\xff\xfe\x80 \n\t\x01", utf8 = "größe";
  for (const std::string& name : {longest, odd, utf8}) {
    const NodeId dir = MakeDirectory(kRootNode, name);
    ASSERT_TRUE(store_.WriteFile(dir, name, "content of " + name));
    ASSERT_TRUE(volume().Rename(dir, name.c_str(), dir, (name.substr(1) + "2").c_str(), 0));
    ASSERT_TRUE(volume().MakeSymlink(dir, name.c_str(), name.c_str(), Caller()));
  }
  store_.Close();
  store_.Open();
  EXPECT_FALSE(store_.keys().healing());
  for (const std::string& name : {longest, odd, utf8}) {
    EXPECT_EQ(store_.ReadFile(name + "/" + name.substr(1) + "2"), "content of " + name);
    EXPECT_EQ(volume().ReadLink(*store_.Find(name + "/" + name)), name);
  }
}

TEST_F(VolumeHostileTest, ATagThatIsFarTooLongIsTampering) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  store_.Close();
  const std::string huge(2000, 't');
  ASSERT_EQ(::setxattr((store_.backing() + "/file").c_str(), kTagXattrName, huge.data(), huge.size(), 0), 0);
  store_.Open();
  const auto content = store_.ReadFile("file");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::kTampered);
}

// Each of these once pushed files beyond the longest path of a record, and the store could never be healed again.
TEST_F(VolumeHostileTest, NothingMovesBeyondTheLongestPath) {
  const std::string level(250, 'd');
  NodeId deep = MakeDirectory(kRootNode, "top");
  size_t length = 4;
  for (; kLogPathBytesMax - length - 1 >= 255; length += level.size() + 1) deep = MakeDirectory(deep, level);
  const std::string last(kLogPathBytesMax - length - 1, 'f'), longer = last + "g";
  ASSERT_LT(last.size(), 255u);
  ASSERT_TRUE(store_.WriteFile(deep, last, "deepest"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  const NodeId file = *store_.Find("file");

  EXPECT_EQ(ErrnoOf(volume().Rename(kRootNode, "top", kRootNode, "top2", 0)), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(volume().Rename(deep, last.c_str(), deep, longer.c_str(), 0)), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(volume().Rename(kRootNode, "file", deep, longer.c_str(), 0)), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(volume().Link(file, deep, longer.c_str())), ENAMETOOLONG);
  EXPECT_EQ(ErrnoOf(store_.WriteFile(deep, longer, "x")), ENAMETOOLONG);
  const NodeId other = MakeDirectory(kRootNode, "other");
  ASSERT_TRUE(store_.WriteFile(other, "x", "x"));
  EXPECT_EQ(ErrnoOf(volume().Rename(kRootNode, "top", other, "x", RENAME_EXCHANGE)), ENAMETOOLONG);

  ASSERT_TRUE(volume().Rename(kRootNode, "top", kRootNode, "TOP", 0));
  EXPECT_FALSE(store_.keys().healing());
  store_.Close();
  store_.Open();
  EXPECT_FALSE(store_.keys().healing());
  EXPECT_EQ(store_.ReadFile("file"), "content");
}

// Once each directory that could not be removed, and each unnamed file that got a name, kept its descriptor.
TEST_F(VolumeHostileTest, RefusedRemovalsAndLinkedFilesUseUpNoDescriptors) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs file handles, which only root may open";
  constexpr int kFiles = 300;
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  store_.Close();
  const struct rlimit few = {400, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  store_.Open();  // keeps an eighth of them for descriptors of inodes
  const size_t at_first = OpenDescriptors();
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = "d" + std::to_string(i), unnamed = "f" + std::to_string(i);
    const NodeId dir = MakeDirectory(kRootNode, name);
    ASSERT_TRUE(store_.WriteFile(dir, "x", "")) << i;
    EXPECT_EQ(ErrnoOf(volume().RemoveDirectory(kRootNode, name.c_str())), ENOTEMPTY);
    const NodeId empty = MakeDirectory(dir, "empty");
    ASSERT_NE(empty, 0u);
    EXPECT_EQ(ErrnoOf(volume().Rename(dir, "empty", kRootNode, name.c_str(), 0)), ENOTEMPTY);
    auto made = volume().CreateUnnamed(kRootNode, 0600, O_RDWR, Caller());
    ASSERT_TRUE(made) << i;
    ASSERT_TRUE(volume().Link(made->entry.id, kRootNode, unnamed.c_str()));
  }
  EXPECT_LE(OpenDescriptors(), at_first + few.rlim_cur / 8);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// A directory of the backing tree and a symlink that leads out of it change places all the time. Whatever an operation
// meets, nothing outside is read or written.
TEST_F(VolumeHostileTest, SymlinksThatAppearInTheBackingTreeLeadNowhere) {
  constexpr int kRounds = 400;
  const std::string backing = store_.backing(), outside = backing + "/../outside";
  std::filesystem::create_directory(outside);
  std::ofstream(outside + "/secret") << "secret";
  std::ofstream(outside + "/file") << "secret";
  const NodeId dir = MakeDirectory(kRootNode, "dir");
  ASSERT_TRUE(store_.WriteFile(dir, "file", "content"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "file", "content"));
  std::filesystem::create_symlink(outside, backing + "/swap-dir");
  std::filesystem::create_symlink(outside + "/secret", backing + "/swap-file");

  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    while (!stop) {
      (void)::renameat2(AT_FDCWD, (backing + "/dir").c_str(), AT_FDCWD, (backing + "/swap-dir").c_str(),
                        RENAME_EXCHANGE);
      (void)::renameat2(AT_FDCWD, (backing + "/file").c_str(), AT_FDCWD, (backing + "/swap-file").c_str(),
                        RENAME_EXCHANGE);
    }
  });
  const ino_t secret = BackingInode(outside + "/secret"), outer_file = BackingInode(outside + "/file");
  const WalkVisitor visitor{.file = [&](const WalkedFile& found) -> Status {
                              EXPECT_NE(found.attributes.st_ino, secret);
                              EXPECT_NE(found.attributes.st_ino, outer_file);
                              return {};
                            },
                            .unreadable = [](const std::string&, const Error&) { return Status(); }};
  const auto root = OpenAt(AT_FDCWD, backing, O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(root);
  for (int round = 0; round < kRounds; ++round) {
    for (const char* path : {"dir/file", "dir/secret", "file"}) {
      const auto content = store_.ReadFile(path);
      EXPECT_EQ(content.value_or("content"), "content") << path;
    }
    if (auto found = volume().Lookup(kRootNode, "dir")) {
      (void)store_.WriteFile(found->id, "new" + std::to_string(round), "written");
      (void)volume().MakeDirectory(found->id, "newdir", 0700, Caller());
      (void)volume().Unlink(found->id, "secret");
      (void)volume().Rename(found->id, "file", found->id, "file", 0);
      AttributeChange shorter;
      shorter.size = 1;
      if (auto node = volume().Lookup(found->id, "secret")) (void)volume().SetAttributes(node->id, nullptr, shorter);
      volume().Forget(found->id, 1);
    }
    EXPECT_TRUE(WalkBackingTree(root->get(), visitor));
    const auto entry = BackingPaths(root->get()).Find("/dir/secret");
    EXPECT_TRUE(!entry || !*entry);
  }
  stop = true;
  swapper.join();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(outside)) names.push_back(entry.path().filename());
  EXPECT_EQ(names.size(), 2u);
  for (const char* name : {"/secret", "/file"}) {
    std::ifstream file(outside + name);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "secret");
    EXPECT_LT(::getxattr((outside + name).c_str(), kTagXattrName, nullptr, 0), 0);
  }
}

}  // namespace
}  // namespace tdefs
