// What every test of a mounted filesystem needs: a fresh directory on it, files to write and read, other users to act
// as.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace tdefs::posix {

// Where the tests work; set from the command line before they run. `backing` is empty on a filesystem that is not
// tdefs.
struct Place {
  std::string directory;
  std::string backing;
};
Place& ThePlace();

// A user as the kernel knows it.
struct User {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary
};
inline const User kNobody{65534, 65534, {}};

// True if a system call's return value says success, else a failure that shows errno.
testing::AssertionResult Succeeds(int64_t returned);
// True if it failed with exactly this errno.
testing::AssertionResult FailsWith(int expected_errno, int64_t returned);

// Runs `act` in a child process with the identity of `user`; returns what it returned, or -1 if it died.
// `act` returns 0 or an errno; it must not use gtest.
int RunAs(const User& user, const std::function<int()>& act);
// The same with the identity of the test itself.
int RunInChild(const std::function<int()>& act);
// 0, or errno if the call's return value says failure: for use inside `act`.
int ErrnoOf(int64_t returned);

// `size_bytes` of bytes that follow from `seed` and contain no long runs of zeros.
std::string Pattern(size_t size_bytes, unsigned seed = 1);
// The whole content of an open file, read past the page cache from offset 0.
std::string ContentOf(int fd);
std::string ContentOf(const std::string& path);
// Asks the kernel to forget clean pages, names and inodes, so that the filesystem is asked again. Needs root.
void DropCaches();

// A test with its own empty directory (mode 0777, so that other users may work in it too) and umask 0.
class ScratchTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string Path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  const std::string& directory() const { return directory_; }
  // The same path under the backing directory. Requires: ThePlace().backing is set.
  std::string BackingPath(std::string_view name) const;
  UniqueFd Open(std::string_view name, int flags, mode_t mode = 0644) const;
  // Creates or replaces a file with this content.
  void Write(std::string_view name, std::string_view content, mode_t mode = 0644) const;
  struct stat Stat(std::string_view name) const;  // lstat

 private:
  std::string directory_;
};

}  // namespace tdefs::posix
