// Names, links and directories.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>
#include <memory>
#include <set>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

class NamesTest : public ScratchTest {
 protected:
  std::set<std::string> List(const std::string& path) {
    Directory directory(opendir(path.c_str()));
    EXPECT_NE(directory, nullptr);
    std::set<std::string> names;
    while (const dirent* entry = readdir(directory.get())) EXPECT_TRUE(names.insert(entry->d_name).second);
    return names;
  }
};

TEST_F(NamesTest, LongestAndStrangestNamesWork) {
  const std::string names[] = {
      std::string(255, 'n'), "\xff\xfe\x80 not UTF-8", "new\nline", "*?[]\\\"'$(x)", "-rf", "...", "Ünï©ødé"};
  for (const std::string& name : names) {
    Write(name, name);
    EXPECT_EQ(ContentOf(Path(name)), name);
  }
  DropCaches();
  std::set<std::string> expected(std::begin(names), std::end(names));
  expected.insert({".", ".."});
  EXPECT_EQ(List(directory()), expected);
  EXPECT_TRUE(FailsWith(ENAMETOOLONG, open(Path(std::string(256, 'n')).c_str(), O_CREAT | O_WRONLY, 0600)));
  EXPECT_TRUE(FailsWith(ENAMETOOLONG, mkdir(Path(std::string(256, 'n')).c_str(), 0700)));
}

TEST_F(NamesTest, DeepTreesWork) {
  std::string path;
  UniqueFd parent(open(directory().c_str(), O_RDONLY | O_DIRECTORY));
  std::string name(200, 'd');
  for (int depth = 0; depth < 40; ++depth) {  // a path of 8,000 bytes
    ASSERT_TRUE(Succeeds(mkdirat(parent.get(), name.c_str(), 0755)));
    parent.Reset(openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(parent);
  }
  UniqueFd fd(openat(parent.get(), "file", O_CREAT | O_RDWR, 0600));
  ASSERT_TRUE(fd) << strerror(errno);
  EXPECT_TRUE(Succeeds(write(fd.get(), "deep", 4)));
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  EXPECT_EQ(ContentOf(fd.get()), "deep");
}

TEST_F(NamesTest, RemovingAFullDirectoryIsRefused) {
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0755)));
  ASSERT_TRUE(Succeeds(mkdir(Path("other").c_str(), 0755)));
  Write("dir/file", "x");
  EXPECT_TRUE(FailsWith(ENOTEMPTY, rmdir(Path("dir").c_str())));
  EXPECT_TRUE(FailsWith(ENOTEMPTY, rename(Path("other").c_str(), Path("dir").c_str())));
  EXPECT_TRUE(Succeeds(rename(Path("dir").c_str(), Path("other").c_str())));
  EXPECT_EQ(ContentOf(Path("other/file")), "x");
}

TEST_F(NamesTest, RenameFlagsDoWhatTheySay) {
  Write("a", "content a");
  Write("b", "content of b");
  auto rename2 = [&](unsigned flags) {
    return renameat2(AT_FDCWD, Path("a").c_str(), AT_FDCWD, Path("b").c_str(), flags);
  };
  EXPECT_TRUE(FailsWith(EEXIST, rename2(RENAME_NOREPLACE)));
  ASSERT_TRUE(Succeeds(rename2(RENAME_EXCHANGE)));
  DropCaches();
  EXPECT_EQ(ContentOf(Path("a")), "content of b");
  EXPECT_EQ(ContentOf(Path("b")), "content a");
}

TEST_F(NamesTest, ExchangeOfAFileAndADirectoryKeepsWhatIsBelow) {
  ASSERT_TRUE(Succeeds(mkdir(Path("a").c_str(), 0755)));
  Write("a/below", "below");
  Write("b", "file");
  ASSERT_TRUE(Succeeds(renameat2(AT_FDCWD, Path("a").c_str(), AT_FDCWD, Path("b").c_str(), RENAME_EXCHANGE)));
  DropCaches();
  EXPECT_EQ(ContentOf(Path("a")), "file");
  EXPECT_EQ(ContentOf(Path("b/below")), "below");
}

TEST_F(NamesTest, SymlinkTargetsUpToPathMaxWork) {
  for (size_t size : {1, 100, 4000, PATH_MAX - 1}) {
    std::string target(size, 't');
    std::string name = std::to_string(size);
    ASSERT_TRUE(Succeeds(symlink(target.c_str(), Path(name).c_str())));
    EXPECT_EQ(Stat(name).st_size, static_cast<off_t>(size));
    std::string found(PATH_MAX, '\0');
    found.resize(static_cast<size_t>(std::max<ssize_t>(0, readlink(Path(name).c_str(), found.data(), found.size()))));
    EXPECT_EQ(found, target);
  }
}

TEST_F(NamesTest, HardLinksShareOneFile) {
  Write("first", "shared");
  ASSERT_TRUE(Succeeds(mkdir(Path("dir").c_str(), 0755)));
  ASSERT_TRUE(Succeeds(link(Path("first").c_str(), Path("dir/second").c_str())));
  ASSERT_TRUE(Succeeds(unlink(Path("first").c_str())));
  DropCaches();
  EXPECT_EQ(ContentOf(Path("dir/second")), "shared");
  EXPECT_EQ(Stat("dir/second").st_nlink, 1U);
}

class ManyEntriesTest : public NamesTest {
 protected:
  static constexpr int kEntries = 20'000;
  void Fill() {
    ASSERT_TRUE(Succeeds(mkdir(Path("many").c_str(), 0755)));
    for (int number = 0; number < kEntries; ++number) {
      ASSERT_TRUE(Succeeds(mknod(Path("many/entry" + std::to_string(number)).c_str(), S_IFREG | 0600, 0)));
    }
    DropCaches();
  }
};

TEST_F(ManyEntriesTest, EachIsListedOnce) {
  Fill();
  EXPECT_EQ(List(Path("many")).size(), static_cast<size_t>(kEntries) + 2);
}

TEST_F(ManyEntriesTest, SeekdirComesBackToTheSameEntries) {
  Fill();
  Directory directory(opendir(Path("many").c_str()));
  std::map<int, std::pair<long, std::string>> marks;  // position and the entry read from there
  for (int number = 0;; ++number) {
    long position = telldir(directory.get());
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    if (number % 701 == 0) marks[number] = {position, entry->d_name};
  }
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
    seekdir(directory.get(), mark->second.first);
    const dirent* entry = readdir(directory.get());
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->d_name, mark->second.second) << "entry " << mark->first;
  }
  rewinddir(directory.get());
  EXPECT_STREQ(readdir(directory.get())->d_name, marks[0].second.c_str());
}

TEST_F(ManyEntriesTest, RemovingWhileListingMissesNone) {
  Fill();
  Directory directory(opendir(Path("many").c_str()));
  int removed = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    ASSERT_TRUE(Succeeds(unlinkat(dirfd(directory.get()), entry->d_name, 0)));
    ++removed;
  }
  EXPECT_EQ(removed, kEntries);
  EXPECT_TRUE(Succeeds(rmdir(Path("many").c_str())));
}

TEST_F(NamesTest, FilesCanBeCreatedWhileTheirDirectoryIsRenamed) {
  ASSERT_TRUE(Succeeds(mkdir(Path("here").c_str(), 0755)));
  UniqueFd parent(open(Path("here").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  pid_t creator = fork();
  if (creator == 0) {
    for (int number = 0; number < 2000; ++number) {
      UniqueFd fd(openat(parent.get(), std::to_string(number).c_str(), O_CREAT | O_RDWR, 0600));
      if (!fd || write(fd.get(), &number, sizeof number) != sizeof number) _exit(errno);
    }
    _exit(0);
  }
  int status = 0;
  bool at_home = true;
  while (waitpid(creator, &status, WNOHANG) == 0) {
    ASSERT_TRUE(Succeeds(rename(Path(at_home ? "here" : "there").c_str(), Path(at_home ? "there" : "here").c_str())));
    at_home = !at_home;
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << strerror(WEXITSTATUS(status));
  DropCaches();
  std::string now = Path(at_home ? "here/" : "there/");
  for (int number = 0; number < 2000; ++number) {
    ASSERT_EQ(ContentOf(now + std::to_string(number)), std::string(reinterpret_cast<char*>(&number), sizeof number));
  }
}

}  // namespace
}  // namespace tdefs::posix
