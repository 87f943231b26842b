// The attributes a program sees, from those of the backing file: every reply takes them from here.
#pragma once

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/inode.h"

namespace tdefs {

inline struct stat ShownAttributes(NodeId id, const struct statx& from) {
  struct stat to {};
  to.st_dev = makedev(from.stx_dev_major, from.stx_dev_minor);
  to.st_ino = from.stx_ino;
  to.st_mode = from.stx_mode;
  // The root's links count its subdirectories; the store's own is not shown. Some filesystems do not count them.
  to.st_nlink = from.stx_nlink - (id == kRootNode && from.stx_nlink > 2 ? 1 : 0);
  to.st_uid = from.stx_uid;
  to.st_gid = from.stx_gid;
  to.st_rdev = makedev(from.stx_rdev_major, from.stx_rdev_minor);
  to.st_size = static_cast<off_t>(from.stx_size);
  to.st_blksize = static_cast<blksize_t>(from.stx_blksize);
  to.st_blocks = static_cast<blkcnt_t>(from.stx_blocks);
  to.st_atim = {from.stx_atime.tv_sec, from.stx_atime.tv_nsec};
  to.st_mtim = {from.stx_mtime.tv_sec, from.stx_mtime.tv_nsec};
  to.st_ctim = {from.stx_ctime.tv_sec, from.stx_ctime.tv_nsec};
  return to;
}

}  // namespace tdefs
