// Caller: on whose behalf a file is made; and the scope in which this thread makes it, so that owner, group, umask and
// default ACL come out as on any filesystem, before the name is visible.
#pragma once

#include <sys/types.h>

#include <cerrno>

namespace tdefs {

struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
  pid_t pid = 0;  // in our pid namespace; whose supplementary groups count, 0 if unknown
};

// Puts on the caller's filesystem identity for this thread only, by raw system calls (glibc's would change all
// threads). A daemon that is not root keeps its own identity and only the umask is used.
class CallerScope {
 public:
  explicit CallerScope(const Caller& caller);
  ~CallerScope();
  CallerScope(const CallerScope&) = delete;
  CallerScope& operator=(const CallerScope&) = delete;

  // Adds the caller's supplementary groups: read from /proc, so only where they can matter.
  // False if there are none to add.
  bool AddGroups();

 private:
  const Caller caller_;
  const bool switched_;
  bool groups_added_ = false;
};

// Runs `make` (a system call's wrapper: >= 0 or -1 with errno) as the caller; once more with the caller's supplementary
// groups where only they may give access, and at once with them where `groups_matter` (a set-group-id bit is wanted).
template <typename Make>
int MakeAs(const Caller& caller, bool groups_matter, const Make& make) {
  CallerScope scope(caller);
  if (groups_matter) scope.AddGroups();
  int result = make();
  if (result < 0 && errno == EACCES && !groups_matter && scope.AddGroups()) result = make();
  return result;
}

}  // namespace tdefs
