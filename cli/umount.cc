// tdefs umount: unmounts and waits until the daemon has let go of the store, so that what comes next finds it free.
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include "base/file_io.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/unmount.h"
#include "keys/store_id.h"

namespace tdefs {
namespace {

constexpr unsigned kReleaseTimeoutS = 60;  // the daemon flushes its dictionary and writes the clean mark

// An alarm that only interrupts system calls.
void ArmAlarm(unsigned seconds) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(seconds);
}

Status WaitForRelease(const UniqueFd& lock_file, const std::string& backing_dir) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  ArmAlarm(kReleaseTimeoutS);
  const int locked = ::fcntl(lock_file.get(), F_OFD_SETLKW, &lock);
  const int error = errno;
  ::alarm(0);
  if (locked == 0) return {};
  if (error != EINTR) return FailErrno(error, "wait for the store " + backing_dir);
  return Fail(ErrorCode::kStoreBusy, fmt::format("{}: unmounted, but its daemon still holds the store after {} s",
                                                 backing_dir, kReleaseTimeoutS));
}

}  // namespace

Status RunUmount(const UmountArguments& arguments) {
  const Target target = TRY(ResolveTarget(arguments.path));
  if (!target.mount) return Fail(ErrorCode::kNotMounted, arguments.path + ": no tdefs mount here");
  // Opened before the unmount, and absent where the store was moved away or is another user's: then there is nothing
  // to wait for.
  const std::string lock_path = fmt::format("{}/{}/{}", target.backing_dir, kStoreDirName, kLockName);
  Result<UniqueFd> lock_file = OpenAt(AT_FDCWD, lock_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  // Nothing can be lost with a daemon that is gone, and whoever still holds something open there only gets ENOTCONN.
  const bool is_dead = IsDead(target);
  if (is_dead) PrintNote(fmt::format("{}: its daemon was gone", target.mount->mount_point));
  TRY(Unmount(target.mount->mount_point, is_dead ? UnmountMode::kLazy : UnmountMode::kWhenIdle));
  if (!lock_file) {
    PrintNote(fmt::format("cannot wait for the daemon: {}", lock_file.error().Text()));
    return {};
  }
  return WaitForRelease(*lock_file, target.backing_dir);
}

}  // namespace tdefs
