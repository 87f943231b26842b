#include "cli/unmount.h"

#include <fmt/core.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace tdefs {
namespace {

// fusermount3 prints its own reason.
Status RunFusermount(const std::string& mount_point, UnmountMode mode) {
  std::vector<std::string> words = {"fusermount3", "-u"};
  if (mode == UnmountMode::kLazy) words.emplace_back("-z");
  words.insert(words.end(), {"--", mount_point});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ);
  if (failed != 0) return FailErrno(failed, "run fusermount3");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return FailErrno(errno, "wait for fusermount3");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return FailErrno(EBUSY, fmt::format("unmount {}: fusermount3 refused", mount_point));
}

}  // namespace

Status Unmount(const std::string& mount_point, UnmountMode mode) {
  const int flags = UMOUNT_NOFOLLOW | (mode == UnmountMode::kLazy ? MNT_DETACH : 0);
  if (::umount2(mount_point.c_str(), flags) == 0) return {};
  if (errno == EPERM) return RunFusermount(mount_point, mode);
  return FailErrno(errno, "unmount " + mount_point);
}

}  // namespace tdefs
