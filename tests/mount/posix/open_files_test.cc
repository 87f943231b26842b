// Files that are open while their names change or vanish, and very many of them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using OpenFilesTest = ScratchTest;

TEST_F(OpenFilesTest, UnlinkedFileKeepsWorking) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(pwrite(fd.get(), "before", 6, 0)));
  ASSERT_TRUE(Succeeds(unlink(Path("file").c_str())));
  EXPECT_TRUE(Succeeds(pwrite(fd.get(), "after!", 6, 6)));
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  EXPECT_TRUE(Succeeds(fdatasync(fd.get())));
  EXPECT_TRUE(Succeeds(ftruncate(fd.get(), 11)));
  EXPECT_TRUE(Succeeds(fchmod(fd.get(), 0600)));
  EXPECT_TRUE(Succeeds(fallocate(fd.get(), 0, 0, 64)));
  struct stat status {};
  ASSERT_TRUE(Succeeds(fstat(fd.get(), &status)));
  EXPECT_EQ(status.st_nlink, 0U);
  EXPECT_EQ(status.st_size, 64);
  EXPECT_EQ(ContentOf(fd.get()).substr(0, 11), "beforeafter");
}

TEST_F(OpenFilesTest, UnlinkedFileTakesSynchronousWrites) {
  for (int flags : {O_SYNC, O_DSYNC, O_DSYNC | O_DIRECT}) {
    UniqueFd fd = Open("file", O_RDWR | O_CREAT | flags);
    alignas(4096) static const char block[4096] = {'s'};
    ASSERT_TRUE(Succeeds(unlink(Path("file").c_str())));
    EXPECT_EQ(write(fd.get(), block, sizeof block), 4096) << flags;
  }
}

TEST_F(OpenFilesTest, UnlinkedFileTakesMsync) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(ftruncate(fd.get(), 8192)));
  char* map = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
  ASSERT_NE(map, MAP_FAILED);
  ASSERT_TRUE(Succeeds(unlink(Path("file").c_str())));
  map[5000] = 'm';
  EXPECT_TRUE(Succeeds(msync(map, 8192, MS_SYNC)));
  munmap(map, 8192);
  EXPECT_EQ(ContentOf(fd.get())[5000], 'm');
}

TEST_F(OpenFilesTest, UnlinkedFileCanBeReopenedThroughProc) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(write(fd.get(), "kept", 4)));
  ASSERT_TRUE(Succeeds(unlink(Path("file").c_str())));
  EXPECT_EQ(ContentOf("/proc/self/fd/" + std::to_string(fd.get())), "kept");
}

TEST_F(OpenFilesTest, FileReplacedByRenameAnswersFstatAndReads) {
  Write("old", "old content");
  Write("new", "new");
  UniqueFd fd = Open("old", O_RDWR);
  ASSERT_TRUE(Succeeds(rename(Path("new").c_str(), Path("old").c_str())));
  struct stat status {};
  ASSERT_TRUE(Succeeds(fstat(fd.get(), &status)));
  EXPECT_EQ(status.st_nlink, 0U);
  EXPECT_EQ(ContentOf(fd.get()), "old content");
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  EXPECT_EQ(ContentOf(Path("old")), "new");
}

TEST_F(OpenFilesTest, RenamedDirectoryKeepsFilesBelowUsable) {
  ASSERT_TRUE(Succeeds(mkdir(Path("a").c_str(), 0755)));
  Write("a/file", "12345");
  UniqueFd fd = Open("a/file", O_RDWR);
  ASSERT_TRUE(Succeeds(rename(Path("a").c_str(), Path("b").c_str())));
  EXPECT_TRUE(Succeeds(pwrite(fd.get(), "X", 1, 2)));
  EXPECT_TRUE(Succeeds(fsync(fd.get())));
  DropCaches();
  EXPECT_EQ(ContentOf(Path("b/file")), "12X45");
}

TEST_F(OpenFilesTest, TemporaryFileGetsANameByLinkat) {
  UniqueFd fd(open(directory().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640));
  ASSERT_TRUE(fd) << strerror(errno);
  std::string content = Pattern(10000);
  ASSERT_EQ(write(fd.get(), content.data(), content.size()), 10000);
  std::string link = "/proc/self/fd/" + std::to_string(fd.get());
  ASSERT_TRUE(Succeeds(linkat(AT_FDCWD, link.c_str(), AT_FDCWD, Path("named").c_str(), AT_SYMLINK_FOLLOW)));
  EXPECT_EQ(Stat("named").st_nlink, 1U);
  EXPECT_EQ(Stat("named").st_mode, S_IFREG | 0640U);
  fd.Reset();
  DropCaches();
  EXPECT_EQ(ContentOf(Path("named")), content);
}

TEST_F(OpenFilesTest, LinkedFileShowsItsOwnSizeAtOnce) {
  Write("file", "123");
  ASSERT_TRUE(Succeeds(link(Path("file").c_str(), Path("second").c_str())));
  EXPECT_EQ(Stat("second").st_size, 3);
  EXPECT_EQ(Stat("second").st_nlink, 2U);
  EXPECT_EQ(Stat("file").st_ino, Stat("second").st_ino);
  Write("second", "longer content");
  EXPECT_EQ(Stat("file").st_size, 14);
  EXPECT_EQ(ContentOf(Path("file")), "longer content");
}

// Opens files of its own, says so on `ready`, and once `gate` is closed finds its bytes in them again.
int HoldFiles(const std::string& prefix, size_t count, int ready, int gate) {
  std::vector<UniqueFd> files;
  files.reserve(count);
  for (size_t number = 0; number < count; ++number) {
    files.emplace_back(open((prefix + std::to_string(number)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!files.back() || write(files.back().get(), &number, sizeof number) < 0) return errno;
  }
  char byte = 0;
  if (write(ready, &byte, 1) != 1) return EPIPE;
  close(ready);  // so that the test sees the end if another process gave up
  if (read(gate, &byte, 1) != 0) return EPIPE;
  for (size_t number = 0; number < count; number += 37) {
    size_t found = 0;
    posix_fadvise(files[number].get(), 0, 0, POSIX_FADV_DONTNEED);
    if (pread(files[number].get(), &found, sizeof found, 0) != sizeof found) return errno;
    if (found != number) return EILSEQ;
  }
  return 0;
}

// 30,000, or three quarters of the hard limit where even root may not raise it: the daemon has a descriptor a file. In
// several processes, so that the limit that counts is the daemon's.
TEST_F(OpenFilesTest, AsManyFilesAsTheSystemAllowsStayOpen) {
  constexpr int kProcesses = 4;
  rlimit limit{1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    ASSERT_TRUE(Succeeds(getrlimit(RLIMIT_NOFILE, &limit)));
    limit.rlim_cur = limit.rlim_max;
    ASSERT_TRUE(Succeeds(setrlimit(RLIMIT_NOFILE, &limit)));
  }
  const size_t files_each = std::min<size_t>(30'000, limit.rlim_cur / 4 * 3) / kProcesses;
  int ready[2], gate[2];
  ASSERT_TRUE(Succeeds(pipe(ready)));
  ASSERT_TRUE(Succeeds(pipe(gate)));
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    pid_t child = fork();
    if (child == 0) {
      close(gate[1]);
      close(ready[0]);
      _exit(HoldFiles(Path(std::to_string(process) + "."), files_each, ready[1], gate[0]));
    }
    children.push_back(child);
  }
  close(ready[1]);
  char byte = 0;
  for (int process = 0; process < kProcesses; ++process) EXPECT_EQ(read(ready[0], &byte, 1), 1) << "a process gave up";
  close(gate[1]);
  close(gate[0]);
  close(ready[0]);
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << strerror(WEXITSTATUS(status));
  }
}

}  // namespace
}  // namespace tdefs::posix
