#include "keys/store_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "keys/store_id.h"

namespace tdefs {
namespace {

constexpr size_t kPidTextBytesMax = 32;

// The pid in the file, if that process lives: the file of one that was killed names it still.
std::optional<pid_t> ReadHolder(int fd) {
  std::array<std::byte, kPidTextBytesMax> content;
  auto size = ReadAt(fd, content, 0);
  if (!size) return std::nullopt;
  const std::string_view text = AsText(ByteView(content).first(*size));
  pid_t pid = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), pid).ec != std::errc() || pid <= 0) return std::nullopt;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return std::nullopt;
  return pid;
}

std::unexpected<Error> Busy(int fd, const std::string& backing_dir) {
  const auto holder = ReadHolder(fd);
  return Fail(ErrorCode::kStoreBusy,
              fmt::format("{}: the store is in use by {}", backing_dir,
                          holder ? fmt::format("process {}", *holder) : "a process that is opening it"));
}

}  // namespace

Result<StoreLock> StoreLock::Acquire(int store_dir_fd, const std::string& backing_dir) {
  UniqueFd fd = TRY(OpenAt(store_dir_fd, kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) return StoreLock(std::move(fd));
  if (errno != EAGAIN && errno != EACCES) return FailErrno(errno, "lock the store " + backing_dir);
  return Busy(fd.get(), backing_dir);
}

Status StoreLock::RecordHolder() const {
  const std::string text = fmt::format("{}\n", ::getpid());
  TRY(WriteAt(fd_.get(), AsBytes(text), 0, Point<"lock.write", CallKind::kWrite>()));
  const int cut = Point<"lock.truncate", CallKind::kSize>().Run(
      [&] { return ::ftruncate(fd_.get(), static_cast<off_t>(text.size())); });
  if (cut != 0) return FailErrno(errno, "truncate the lock file");
  return {};
}

Status CheckStoreFree(int store_dir_fd, const std::string& backing_dir) {
  auto fd = OpenAt(store_dir_fd, kLockName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().sys_errno == ENOENT) return {};
  if (!fd) return std::unexpected(std::move(fd).error());
  struct stat attributes;
  if (::fstat(fd->get(), &attributes) != 0) return FailErrno(errno, "stat the lock of " + backing_dir);
  if (!S_ISREG(attributes.st_mode)) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}/{}/{}: is not a regular file; it has no content to lose, and a mount makes it",
                            backing_dir, kStoreDirName, kLockName));
  }
  struct flock lock {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd->get(), F_OFD_GETLK, &lock) != 0) return FailErrno(errno, "ask for the lock of " + backing_dir);
  if (lock.l_type == F_UNLCK) return {};
  return Busy(fd->get(), backing_dir);
}

}  // namespace tdefs
