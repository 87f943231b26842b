// TouchedFilesystems: the filesystems on which attributes of many files were changed, to be made durable together.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <map>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "fs/magic_link.h"

namespace tdefs {

class TouchedFilesystems {
 public:
  // `path_fd`: an O_PATH descriptor of a file on the device.
  Status Add(dev_t device, int path_fd) {
    if (open_files_.contains(device)) return {};
    UniqueFd fd = TRY(OpenAt(AT_FDCWD, MagicLink(path_fd), O_RDONLY | O_NONBLOCK));
    open_files_.emplace(device, std::move(fd));
    return {};
  }
  Status Sync(const Failpoint& point) const {
    for (const auto& [device, fd] : open_files_) {
      const int synced = point.Run([&fd = fd] { return ::syncfs(fd.get()); });
      if (synced != 0) return FailErrno(errno, "sync of the files' tags");
    }
    return {};
  }

 private:
  std::map<dev_t, UniqueFd> open_files_;  // one on each device
};

}  // namespace tdefs
