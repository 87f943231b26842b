// DirectoryHandle: one opendir(3). Offsets are the backing directory's own, so they stay good for seekdir.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <memory>
#include <mutex>

#include "base/error.h"
#include "base/unique_fd.h"
#include "fs/inode.h"

namespace tdefs {

class DirectoryHandle {
 public:
  // `fd` is the directory, opened for reading.
  static Result<std::unique_ptr<DirectoryHandle>> Create(UniqueFd fd, InodePtr inode);

  struct Item {
    const char* name = nullptr;  // null at the end; valid until the next call
    ino_t ino = 0;
    mode_t type = 0;  // S_IFMT bits, 0 if unknown
    off_t next = 0;   // where to go on after this item
  };
  // Calls `visit` for each item from `offset` on until it returns false or there are no more.
  template <typename Visit>
  Status ForEach(off_t offset, const Visit& visit) {
    std::lock_guard lock(mutex_);
    Seek(offset);
    for (;;) {
      const off_t from = position_;
      Item item;
      if (Status status = Next(item); !status) return status;
      if (item.name == nullptr) return {};
      if (!visit(item)) {
        // It did not fit; the next call most likely begins with it.
        refused_ = item;
        refused_from_ = from;
        return {};
      }
    }
  }
  int fd() const { return ::dirfd(stream_.get()); }
  const InodePtr& inode() const { return inode_; }

 private:
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  DirectoryHandle(DIR* stream, InodePtr inode) : stream_(stream), inode_(std::move(inode)) {}
  void Seek(off_t offset);
  Status Next(Item& item);

  const std::unique_ptr<DIR, Close> stream_;
  const InodePtr inode_;
  std::mutex mutex_;
  off_t position_ = 0;      // where the stream stands; guarded by mutex_
  Item refused_;            // read but not taken; its name lives in the stream until the next read; guarded by mutex_
  off_t refused_from_ = 0;  // the offset that leads to it; guarded by mutex_
};

}  // namespace tdefs
