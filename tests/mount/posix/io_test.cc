// Reading and writing in the ways of databases: O_DIRECT, mappings, appends, signals, asynchronous I/O, copies.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mount/posix/scratch.h"

namespace tdefs::posix {
namespace {

using IoTest = ScratchTest;

constexpr size_t kBlock = 4096;

TEST_F(IoTest, DirectAndBufferedDescriptorsSeeEachOthersWrites) {
  alignas(kBlock) static char block[2 * kBlock];
  UniqueFd buffered = Open("file", O_RDWR | O_CREAT), direct = Open("file", O_RDWR | O_DIRECT);
  for (unsigned round = 1; round <= 20; ++round) {
    std::string content = Pattern(sizeof block, round);
    content.copy(block, sizeof block);
    int writer = round % 2 == 0 ? direct.get() : buffered.get(),
        reader = round % 2 == 0 ? buffered.get() : direct.get();
    ASSERT_EQ(pwrite(writer, block, sizeof block, kBlock * round), static_cast<ssize_t>(sizeof block));
    std::fill(block, block + sizeof block, '\0');
    ASSERT_EQ(pread(reader, block, sizeof block, kBlock * round), static_cast<ssize_t>(sizeof block));
    ASSERT_TRUE(std::string(block, sizeof block) == content) << round;
  }
}

TEST_F(IoTest, UnalignedDirectIoIsRightOrRefused) {
  Write("file", Pattern(3 * kBlock));
  UniqueFd direct = Open("file", O_RDWR | O_DIRECT);
  std::string expected = Pattern(3 * kBlock);
  char data[100];
  if (pwrite(direct.get(), "hello", 5, 4093) == 5) expected.replace(4093, 5, "hello");
  ssize_t size = pread(direct.get(), data, sizeof data, 4091);
  if (!ThePlace().backing.empty()) {
    ASSERT_EQ(size, 100);
  }
  if (size > 0) {
    EXPECT_EQ(std::string(data, sizeof data), expected.substr(4091, 100));
  }
  EXPECT_TRUE(ContentOf(Path("file")) == expected);
}

TEST_F(IoTest, DirectReadsStopAtTheEndOfTheFile) {
  Write("file", Pattern(kBlock + 100));
  alignas(kBlock) static char block[2 * kBlock];
  UniqueFd direct = Open("file", O_RDONLY | O_DIRECT);
  EXPECT_EQ(pread(direct.get(), block, sizeof block, 0), static_cast<ssize_t>(kBlock + 100));
  EXPECT_EQ(std::string(block, kBlock + 100), Pattern(kBlock + 100));
  EXPECT_EQ(pread(direct.get(), block, sizeof block, 2 * kBlock), 0);
}

TEST_F(IoTest, SharedMappingsWorkOnDirectDescriptorsToo) {
  Write("file", Pattern(2 * kBlock));
  UniqueFd direct = Open("file", O_RDWR | O_DIRECT);
  char* map = static_cast<char*>(mmap(nullptr, 2 * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, direct.get(), 0));
  ASSERT_NE(map, MAP_FAILED) << strerror(errno);
  EXPECT_EQ(std::string(map, 2 * kBlock), Pattern(2 * kBlock));
  map[10] = '!';
  EXPECT_TRUE(Succeeds(msync(map, 2 * kBlock, MS_SYNC)));
  munmap(map, 2 * kBlock);
  EXPECT_EQ(ContentOf(Path("file"))[10], '!');
}

TEST_F(IoTest, MappingsShowZerosBehindTheEndAndInHoles) {
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  ASSERT_TRUE(Succeeds(pwrite(fd.get(), "end", 3, 5 * kBlock)));
  DropCaches();
  char* map = static_cast<char*>(mmap(nullptr, 6 * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0));
  ASSERT_NE(map, MAP_FAILED);
  std::string expected(6 * kBlock, '\0');
  expected.replace(5 * kBlock, 3, "end");
  EXPECT_TRUE(std::string(map, 6 * kBlock) == expected);
  map[2 * kBlock + 7] = 'h';  // a store into a hole
  munmap(map, 6 * kBlock);
  ASSERT_TRUE(Succeeds(fsync(fd.get())));
  DropCaches();
  expected[2 * kBlock + 7] = 'h';
  EXPECT_TRUE(ContentOf(fd.get()) == expected.substr(0, 5 * kBlock + 3));
}

TEST_F(IoTest, PrivateMappingsChangeNothing) {
  Write("file", Pattern(kBlock));
  UniqueFd fd = Open("file", O_RDWR);
  char* map = static_cast<char*>(mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0));
  ASSERT_NE(map, MAP_FAILED);
  map[0] = static_cast<char>(map[0] + 1);
  munmap(map, kBlock);
  EXPECT_EQ(ContentOf(fd.get()), Pattern(kBlock));
}

TEST_F(IoTest, ProgramsRunFromTheMount) {
  ASSERT_EQ(RunInChild([&] { return execlp("cp", "cp", "/bin/true", Path("true").c_str(), nullptr); }), 0);
  DropCaches();
  EXPECT_EQ(RunInChild([&] { return execl(Path("true").c_str(), "true", nullptr); }), 0);
}

TEST_F(IoTest, AppendsOfManyProcessesDoNotOverlap) {
  constexpr int kProcesses = 4, kRecords = 500;
  constexpr size_t kRecordBytes = 37;
  Write("log", "");
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    pid_t child = fork();
    if (child == 0) {
      UniqueFd fd(open(Path("log").c_str(), O_WRONLY | O_APPEND));
      std::string record(kRecordBytes, static_cast<char>('a' + process));
      for (int number = 0; number < kRecords; ++number) {
        if (write(fd.get(), record.data(), record.size()) != static_cast<ssize_t>(record.size())) _exit(1);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  std::string content = ContentOf(Path("log"));
  ASSERT_EQ(content.size(), kProcesses * kRecords * kRecordBytes);
  for (size_t at = 0; at < content.size(); at += kRecordBytes) {
    ASSERT_EQ(content.substr(at, kRecordBytes), std::string(kRecordBytes, content[at])) << at;
  }
}

TEST_F(IoTest, SignalsDoNotBreakReadsAndWrites) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction old {};
  ASSERT_TRUE(Succeeds(sigaction(SIGALRM, &action, &old)));  // without SA_RESTART
  itimerval often{{0, 200}, {0, 200}}, never{};
  UniqueFd fd = Open("file", O_RDWR | O_CREAT);
  std::string data = Pattern(64 << 10), found(data.size(), '\0');
  ASSERT_TRUE(Succeeds(setitimer(ITIMER_REAL, &often, nullptr)));
  bool whole = true;
  for (off_t round = 0; round < 500 && whole; ++round) {
    off_t offset = round * 1000;
    whole = pwrite(fd.get(), data.data(), data.size(), offset) == static_cast<ssize_t>(data.size());
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    whole = whole && pread(fd.get(), found.data(), found.size(), offset) == static_cast<ssize_t>(found.size());
    whole = whole && found == data && fsync(fd.get()) == 0;
  }
  int error = errno;
  ASSERT_TRUE(Succeeds(setitimer(ITIMER_REAL, &never, nullptr)));
  ASSERT_TRUE(Succeeds(sigaction(SIGALRM, &old, nullptr)));
  EXPECT_TRUE(whole) << strerror(error);
}

TEST_F(IoTest, AsynchronousDirectIoCompletes) {
  constexpr unsigned kRequests = 16;
  alignas(kBlock) static char blocks[kRequests][kBlock];
  UniqueFd fd = Open("file", O_RDWR | O_CREAT | O_DIRECT);
  aio_context_t context = 0;
  ASSERT_TRUE(Succeeds(syscall(SYS_io_setup, kRequests, &context)));
  iocb requests[kRequests] = {};
  iocb* list[kRequests];
  std::string expected;
  for (unsigned number = 0; number < kRequests; ++number) {
    expected += Pattern(kBlock, number);
    Pattern(kBlock, number).copy(blocks[number], kBlock);
    requests[number].aio_lio_opcode = IOCB_CMD_PWRITE;
    requests[number].aio_fildes = static_cast<uint32_t>(fd.get());
    requests[number].aio_buf = reinterpret_cast<uint64_t>(blocks[number]);
    requests[number].aio_nbytes = kBlock;
    requests[number].aio_offset = static_cast<int64_t>(number * kBlock);
    list[number] = &requests[number];
  }
  ASSERT_EQ(syscall(SYS_io_submit, context, kRequests, list), kRequests);
  io_event events[kRequests] = {};
  ASSERT_EQ(syscall(SYS_io_getevents, context, kRequests, kRequests, events, nullptr), kRequests);
  for (const io_event& event : events) EXPECT_EQ(event.res, static_cast<int64_t>(kBlock));
  EXPECT_TRUE(Succeeds(syscall(SYS_io_destroy, context)));
  EXPECT_TRUE(ContentOf(Path("file")) == expected);
}

TEST_F(IoTest, CopiesAreReadable) {
  std::string content = Pattern(300'001);
  Write("from", content);
  UniqueFd from = Open("from", O_RDONLY), to = Open("to", O_RDWR | O_CREAT);
  off64_t in = 0, out = 0;
  while (in < 300'001) ASSERT_GT(copy_file_range(from.get(), &in, to.get(), &out, 300'001, 0), 0);
  DropCaches();
  EXPECT_TRUE(ContentOf(Path("to")) == content);
  UniqueFd clone = Open("clone", O_RDWR | O_CREAT);
  if (ioctl(clone.get(), FICLONE, from.get()) == 0) {
    EXPECT_TRUE(ContentOf(Path("clone")) == content);
  }
  ASSERT_EQ(RunInChild([&] {
              return execlp("cp", "cp", "--reflink=auto", "-a", Path("from").c_str(), Path("cp").c_str(), nullptr);
            }),
            0);
  EXPECT_TRUE(ContentOf(Path("cp")) == content);
}

TEST_F(IoTest, GenerationNumberIsGivenOrPolitelyRefused) {
  Write("file", "x");
  UniqueFd fd = Open("file", O_RDONLY);
  long generation = 0;
  if (ioctl(fd.get(), FS_IOC_GETVERSION, &generation) != 0) {
    EXPECT_EQ(errno, ENOTTY);
  }
}

TEST_F(IoTest, InotifyReportsChangesThroughTheMount) {
  UniqueFd watch(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_TRUE(Succeeds(inotify_add_watch(watch.get(), directory().c_str(), IN_CREATE | IN_MODIFY)));
  Write("file", "x");
  alignas(inotify_event) char events[4096];
  EXPECT_GT(read(watch.get(), events, sizeof events), 0);
}

}  // namespace
}  // namespace tdefs::posix
