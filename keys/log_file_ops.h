// The system calls that change the log, as replaceable functions: the seam where tests put ENOSPC, EIO and crashes.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include <functional>

namespace tdefs {

// Each as the system call of its name: -1 and errno on failure.
struct FileOps {
  std::function<ssize_t(int fd, const void* data, size_t size, off_t offset)> pwrite = ::pwrite;
  std::function<int(int fd, off_t size)> ftruncate = ::ftruncate;
  std::function<int(int fd, int mode, off_t offset, off_t size)> fallocate = ::fallocate;
  std::function<int(int fd)> fdatasync = ::fdatasync;
  std::function<int(int fd)> fsync_directory = ::fsync;
  std::function<int(int from_dir, const char* from, int to_dir, const char* to)> renameat = ::renameat;
};

}  // namespace tdefs
