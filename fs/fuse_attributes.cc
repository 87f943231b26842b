// FUSE operations on attributes.
#include <fcntl.h>
#include <sys/stat.h>

#include <vector>

#include "fs/fuse_glue.h"

namespace tdefs {
namespace {

constexpr size_t kXattrBytesMax = 64 << 10;  // the kernel's XATTR_SIZE_MAX and XATTR_LIST_MAX

FileHandle* HandleOrNull(const struct fuse_file_info* info) {
  return info != nullptr ? reinterpret_cast<FileHandle*>(info->fh) : nullptr;
}

void ReplyAttributes(fuse_req_t request, const Result<struct stat>& attributes) {
  if (!attributes) return ReplyError(request, attributes.error());
  fuse_reply_attr(request, &*attributes, ContextOf(request).cache_timeout_s);
}

// The kernel passes a handle of directories too; theirs is of another type and not needed.
void GetAttributes(fuse_req_t request, fuse_ino_t node, struct fuse_file_info*) {
  Answer(request, [&] { ReplyAttributes(request, VolumeOf(request).GetAttributes(node, nullptr)); });
}

void SetAttributes(fuse_req_t request, fuse_ino_t node, struct stat* wanted, int to_set, struct fuse_file_info* info) {
  Answer(request, [&] {
    AttributeChange change;
    if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.mode = wanted->st_mode;
    if ((to_set & FUSE_SET_ATTR_UID) != 0) change.uid = wanted->st_uid;
    if ((to_set & FUSE_SET_ATTR_GID) != 0) change.gid = wanted->st_gid;
    if ((to_set & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<uint64_t>(wanted->st_size);
    const struct timespec now = {0, UTIME_NOW};
    if ((to_set & FUSE_SET_ATTR_ATIME) != 0) {
      change.access_time = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0 ? now : wanted->st_atim;
    }
    if ((to_set & FUSE_SET_ATTR_MTIME) != 0) {
      change.modification_time = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0 ? now : wanted->st_mtim;
    }
    if (KillSetIdRequested()) (void)VolumeOf(request).ClearSetId(node);
    ReplyAttributes(request, VolumeOf(request).SetAttributes(node, HandleOrNull(info), change));
  });
}

void Capacity(fuse_req_t request, fuse_ino_t) {
  Answer(request, [&] {
    auto capacity = VolumeOf(request).Capacity();
    if (!capacity) return ReplyError(request, capacity.error());
    fuse_reply_statfs(request, &*capacity);
  });
}

// Size 0 asks for the size.
template <typename Fetch>
void ReplyXattr(fuse_req_t request, size_t size, const Fetch& fetch) {
  std::vector<std::byte> value(std::min(size, kXattrBytesMax));
  Result<size_t> found = fetch(ByteSpan(value));
  if (!found) return ReplyError(request, found.error());
  if (size == 0) {
    fuse_reply_xattr(request, *found);
  } else {
    fuse_reply_buf(request, reinterpret_cast<const char*>(value.data()), *found);
  }
}

void GetXattr(fuse_req_t request, fuse_ino_t node, const char* name, size_t size) {
  Answer(request, [&] {
    ReplyXattr(request, size, [&](ByteSpan value) { return VolumeOf(request).GetXattr(node, name, value); });
  });
}

void ListXattr(fuse_req_t request, fuse_ino_t node, size_t size) {
  Answer(request,
         [&] { ReplyXattr(request, size, [&](ByteSpan names) { return VolumeOf(request).ListXattr(node, names); }); });
}

void SetXattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value, size_t size, int flags) {
  Answer(request, [&] {
    ReplyStatus(request, VolumeOf(request).SetXattr(node, name, AsBytes(std::string_view(value, size)), flags));
  });
}

void RemoveXattr(fuse_req_t request, fuse_ino_t node, const char* name) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).RemoveXattr(node, name)); });
}

}  // namespace

void AddAttributeOperations(fuse_lowlevel_ops& operations) {
  operations.getattr = GetAttributes;
  operations.setattr = SetAttributes;
  operations.statfs = Capacity;
  operations.getxattr = GetXattr;
  operations.listxattr = ListXattr;
  operations.setxattr = SetXattr;
  operations.removexattr = RemoveXattr;
}

}  // namespace tdefs
