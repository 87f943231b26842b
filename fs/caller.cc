#include "fs/caller.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file_io.h"

namespace tdefs {
namespace {

constexpr size_t kStatusBytesMax = 1 << 20;  // NGROUPS_MAX groups of up to eleven characters

bool DaemonIsRoot() {
  static const bool root = ::geteuid() == 0;
  return root;
}

// The umask belongs to the thread's fs_struct, shared by all threads until one asks for its own.
void SetThreadUmask(mode_t mask) {
  thread_local const bool own = ::unshare(CLONE_FS) == 0;
  if (own) ::umask(mask);
}

std::vector<gid_t> SupplementaryGroups(pid_t pid) {
  std::vector<gid_t> groups;
  if (pid == 0) return groups;
  auto fd = OpenAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/status", O_RDONLY);
  if (!fd) return groups;
  std::string text(kStatusBytesMax, '\0');
  auto size = ReadAt(fd->get(), std::as_writable_bytes(std::span(text)), 0);
  if (!size) return groups;
  text.resize(*size);
  const size_t line = text.find("\nGroups:");
  if (line == std::string::npos) return groups;
  const char* next = text.data() + line + 8;
  const char* end = text.data() + std::min(text.find('\n', line + 1), text.size());
  while (next < end) {
    if (*next < '0' || *next > '9') {
      ++next;
      continue;
    }
    gid_t group = 0;
    auto [stop, error] = std::from_chars(next, end, group);
    if (error != std::errc()) break;
    groups.push_back(group);
    next = stop;
  }
  return groups;
}

void SetIdentity(uid_t uid, gid_t gid) {
  // The group first: the capability to set it goes with the user.
  if (gid != 0) ::syscall(SYS_setfsgid, gid);
  if (uid != 0) ::syscall(SYS_setfsuid, uid);
}

}  // namespace

CallerScope::CallerScope(const Caller& caller)
    : caller_(caller), switched_(DaemonIsRoot() && (caller.uid != 0 || caller.gid != 0)) {
  SetThreadUmask(caller.umask);
  if (switched_) SetIdentity(caller.uid, caller.gid);
}

bool CallerScope::AddGroups() {
  if (!switched_ || groups_added_) return false;
  const std::vector<gid_t> groups = SupplementaryGroups(caller_.pid);
  if (groups.empty()) return false;
  ::syscall(SYS_setfsuid, 0);
  groups_added_ = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
  if (caller_.uid != 0) ::syscall(SYS_setfsuid, caller_.uid);
  return groups_added_;
}

CallerScope::~CallerScope() {
  if (!switched_) return;
  if (caller_.uid != 0) ::syscall(SYS_setfsuid, 0);
  if (caller_.gid != 0) ::syscall(SYS_setfsgid, 0);
  // A thread that kept somebody's groups or identity would be a hole; there is no going on without them gone.
  if (groups_added_ && ::syscall(SYS_setgroups, 0, nullptr) != 0) std::abort();
  if (::syscall(SYS_setfsuid, -1) != 0 || ::syscall(SYS_setfsgid, -1) != 0) std::abort();
}

}  // namespace tdefs
