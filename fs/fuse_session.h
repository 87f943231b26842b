// FuseSession: the mount itself and the threads that serve it, over libfuse's low-level API.
//
// The threads are our own rather than libfuse's loop, because the kernel speaks more than libfuse 3.14 does: O_TMPFILE
// and the request to clear set-id bits are read from the raw request, and what we can do of the newer protocol is added
// to libfuse's answer to INIT.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "fs/volume.h"

namespace tdefs {

class FuseSession {
 public:
  // Mounts at config.store.mount_point with the backing directory as source and type fuse.tdefs. Nothing is answered
  // before Start. kMount if that is not possible.
  static Result<std::unique_ptr<FuseSession>> Mount(Volume& volume, const Config& config);
  // Unmounts, lazily if it is still in use, and joins the threads.
  ~FuseSession();

  // Starts the threads. `finished_fd`, an eventfd, is signalled when the last of them ends: after an unmount.
  void Start(int finished_fd);
  // Detaches the mount point: no new opens; the session ends with the last open file.
  void Unmount();
  // Cuts the connection to the kernel: whoever still has a file open gets ENOTCONN.
  void Abort();

 private:
  struct Impl;
  explicit FuseSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
