// StoreLock: one writer a store (R9). An open-file-description lock (fcntl F_OFD_SETLK) on .tdefs/lock: it goes with
// the last descriptor, so it survives no crash and is not lost when another part of the process closes the file.
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tdefs {

// Movable owner of the lock; released when destroyed.
class StoreLock {
 public:
  StoreLock() = default;
  // Takes the lock without waiting; makes the file if it is absent and changes nothing in it. kStoreBusy names the
  // process that holds it. `backing_dir` is for messages.
  static Result<StoreLock> Acquire(int store_dir_fd, const std::string& backing_dir);
  // Writes our pid into the file, for the message of whoever comes next. Done once the store is open, since an opening
  // that fails leaves no trace.
  Status RecordHolder() const;

  int fd() const { return fd_.get(); }

 private:
  explicit StoreLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// For tools that only read a store: kStoreBusy, with its pid, while a process holds the lock; kCorrupt if that is no
// regular file, which a mount would not take. Takes no lock and writes nothing; a missing lock file is held by nobody.
Status CheckStoreFree(int store_dir_fd, const std::string& backing_dir);

}  // namespace tdefs
