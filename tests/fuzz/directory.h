// A directory for the files that a fuzz target works on; removed with them at the end of the process.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "base/unique_fd.h"

namespace tdefs {

class FuzzDirectory {
 public:
  // In memory where /dev/shm is there and has extended attributes (Linux 6.6), unless the target needs what only a real
  // filesystem can.
  explicit FuzzDirectory(bool on_disk = false) {
    if (on_disk || !Make("/dev/shm") || !HasXattrs()) {
      Remove();
      if (!Make("/var/tmp")) ::abort();
    }
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~FuzzDirectory() { Remove(); }
  FuzzDirectory(const FuzzDirectory&) = delete;
  FuzzDirectory& operator=(const FuzzDirectory&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  bool Make(const char* base) {
    path_ = std::string(base) + "/tdefs-fuzz-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
    return !path_.empty();
  }
  bool HasXattrs() const { return ::setxattr(path_.c_str(), "user.probe", "", 0, 0) == 0; }
  void Remove() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::string path_;
  UniqueFd fd_;
};

}  // namespace tdefs
