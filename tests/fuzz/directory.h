// A directory for the files that a fuzz target parses; removed with them at the end of the process.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "base/unique_fd.h"

namespace tdefs {

class FuzzDirectory {
 public:
  // In memory where there is /dev/shm, unless the target needs what only a real filesystem can.
  explicit FuzzDirectory(bool on_disk = false) {
    const char* base = !on_disk && ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp";
    path_ = std::string(base) + "/tdefs-fuzz-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) ::abort();
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~FuzzDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FuzzDirectory(const FuzzDirectory&) = delete;
  FuzzDirectory& operator=(const FuzzDirectory&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace tdefs
