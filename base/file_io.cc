#include "base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tdefs {

Result<size_t> ReadAt(int fd, ByteSpan out, uint64_t offset_bytes, const Failpoint& point) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t n = point.Transfer(out.size() - done, [&](size_t size) {
      return ::pread(fd, out.data() + done, size, static_cast<off_t>(offset_bytes + done));
    });
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno(errno, "read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Status WriteAt(int fd, ByteView in, uint64_t offset_bytes, const Failpoint& point) {
  size_t done = 0;
  while (done < in.size()) {
    ssize_t n = point.Transfer(in.size() - done, [&](size_t size) {
      return ::pwrite(fd, in.data() + done, size, static_cast<off_t>(offset_bytes + done));
    });
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno(errno, "write");
    if (n == 0) return FailErrno(EIO, "write made no progress");
    done += static_cast<size_t>(n);
  }
  return {};
}

Result<UniqueFd> OpenAt(int dir_fd, const std::string& name, int flags, mode_t mode) {
  UniqueFd fd(::openat(dir_fd, name.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return FailErrno(errno, "open " + name);
  return fd;
}

Result<Bytes> ReadFileAt(int dir_fd, const std::string& name, size_t size_bytes_max) {
  UniqueFd fd = TRY(OpenAt(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno(errno, "stat " + name);
  if (!S_ISREG(attributes.st_mode)) return Fail(ErrorCode::kCorrupt, name + ": not a regular file");
  if (static_cast<uint64_t>(attributes.st_size) > size_bytes_max) {
    return Fail(ErrorCode::kLimit, name + ": " + std::to_string(attributes.st_size) + " bytes, at most " +
                                       std::to_string(size_bytes_max) + " are read");
  }
  Bytes content(static_cast<size_t>(attributes.st_size));
  content.resize(TRY(ReadAt(fd.get(), content, 0)));
  return content;
}

Status ReplaceFileAt(int dir_fd, const std::string& name, ByteView content) {
  const std::string temporary = name + ".tmp";
  auto replace = [&]() -> Status {
    UniqueFd fd(Point<"replace.create", CallKind::kName>().Run([&] {
      return ::openat(dir_fd, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    }));
    if (!fd) return FailErrno(errno, "open " + temporary);
    TRY(WriteAt(fd.get(), content, 0, Point<"replace.write", CallKind::kWrite>()));
    if (Point<"replace.fsync", CallKind::kSync>().Run([&] { return ::fsync(fd.get()); }) != 0) {
      return FailErrno(errno, "fsync " + temporary);
    }
    const int renamed = Point<"replace.rename", CallKind::kName>().Run(
        [&] { return ::renameat(dir_fd, temporary.c_str(), dir_fd, name.c_str()); });
    if (renamed != 0) return FailErrno(errno, "rename " + temporary);
    if (Point<"replace.fsync-directory", CallKind::kSync>().Run([&] { return ::fsync(dir_fd); }) != 0) {
      return FailErrno(errno, "fsync of the directory of " + name);
    }
    return {};
  };
  Status status = replace();
  if (!status) ::unlinkat(dir_fd, temporary.c_str(), 0);
  return status;
}

}  // namespace tdefs
