#include "tests/mount/posix/scratch.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tdefs::posix {

Place& ThePlace() {
  static Place place;
  return place;
}

testing::AssertionResult Succeeds(int64_t returned) {
  if (returned >= 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "failed with " << strerrorname_np(errno);
}

testing::AssertionResult FailsWith(int expected_errno, int64_t returned) {
  if (returned >= 0) {
    return testing::AssertionFailure() << "succeeded, expected " << strerrorname_np(expected_errno);
  }
  if (errno == expected_errno) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "failed with " << strerrorname_np(errno) << ", expected "
                                     << strerrorname_np(expected_errno);
}

int ErrnoOf(int64_t returned) {
  return returned < 0 ? errno : 0;
}

int RunInChild(const std::function<int()>& act) {
  pid_t child = fork();
  if (child == 0) _exit(act());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int RunAs(const User& user, const std::function<int()>& act) {
  return RunInChild([&] {
    bool changed = setgroups(user.groups.size(), user.groups.data()) == 0 &&
                   setresgid(user.gid, user.gid, user.gid) == 0 && setresuid(user.uid, user.uid, user.uid) == 0;
    return changed ? act() : 255;
  });
}

std::string Pattern(size_t size_bytes, unsigned seed) {
  std::string pattern(size_bytes, '\0');
  uint32_t state = seed * 2654435761U + 1;
  for (char& byte : pattern) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return pattern;
}

std::string ContentOf(int fd) {
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  struct stat status {};
  if (fstat(fd, &status) != 0) return "fstat failed";
  std::string content(static_cast<size_t>(status.st_size), '\0');
  ssize_t size = pread(fd, content.data(), content.size(), 0);
  content.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return content;
}

std::string ContentOf(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd ? ContentOf(fd.get()) : std::string("open failed: ") + strerror(errno);
}

void DropCaches() {
  UniqueFd fd(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(Succeeds(write(fd.get(), "3", 1)));
}

void ScratchTest::SetUp() {
  umask(0);
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  directory_ = ThePlace().directory + "/" + test->test_suite_name() + "." + test->name();
  ASSERT_TRUE(Succeeds(mkdir(directory_.c_str(), 0777)));
}

void ScratchTest::TearDown() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  EXPECT_FALSE(error) << error.message();
}

std::string ScratchTest::BackingPath(std::string_view name) const {
  return ThePlace().backing + directory_.substr(ThePlace().directory.size()) + "/" + std::string(name);
}

UniqueFd ScratchTest::Open(std::string_view name, int flags, mode_t mode) const {
  UniqueFd fd(open(Path(name).c_str(), flags | O_CLOEXEC, mode));
  EXPECT_TRUE(fd) << name << ": " << strerror(errno);
  return fd;
}

void ScratchTest::Write(std::string_view name, std::string_view content, mode_t mode) const {
  UniqueFd fd = Open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
  EXPECT_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
}

struct stat ScratchTest::Stat(std::string_view name) const {
  struct stat status {};
  EXPECT_TRUE(Succeeds(lstat(Path(name).c_str(), &status))) << name;
  return status;
}

}  // namespace tdefs::posix
