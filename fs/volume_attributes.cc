// Volume: attributes and extended attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "base/failpoint.h"
#include "fs/attributes.h"
#include "fs/magic_link.h"
#include "fs/volume.h"

namespace tdefs {
namespace {

bool IsOurs(std::string_view name) {
  return name == kTagXattrName || name == kTailXattrName;
}

}  // namespace

// That of the open file, if there is one: what is open stays in reach when the daemon has no descriptor left.
Result<std::shared_ptr<const UniqueFd>> Volume::DescriptorOf(Inode& inode) {
  if (inode.IsRegular()) {
    std::lock_guard lock(inode.mutex);
    if (auto file = inode.open_file.lock()) return std::shared_ptr<const UniqueFd>(file, &file->descriptor());
  }
  return table_->Descriptor(inode);
}

// A file that was unlinked while nobody had it open is out of reach, but the kernel may still ask for it.
Result<struct stat> Volume::LastAttributes(Inode& inode, const Error& error) {
  std::lock_guard lock(inode.mutex);
  if (!inode.removed || !inode.last_attributes) return std::unexpected(error);
  return ShownAttributes(inode.id, *inode.last_attributes);
}

Result<struct stat> Volume::GetAttributes(NodeId id, FileHandle* handle) {
  if (handle != nullptr) return ShownAttributes(id, TRY(InodeTable::Stat(handle->file->fd(), "")));
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = DescriptorOf(*inode);
  if (!descriptor) return LastAttributes(*inode, descriptor.error());
  if (inode->emptied) return LastAttributes(*inode, Error{ErrorCode::kSystem, ESTALE, ""});
  return ShownAttributes(id, TRY(InodeTable::Stat((*descriptor)->get(), "")));
}

// Owner before mode: a change of owner clears the set-id bits, which the new mode may hold.
Result<struct stat> Volume::SetAttributes(NodeId id, FileHandle* handle, const AttributeChange& change) {
  InodePtr inode = handle != nullptr ? handle->inode : TRY(table_->Get(id));
  auto descriptor = DescriptorOf(*inode);
  if (!descriptor) return LastAttributes(*inode, descriptor.error());  // times of a file that is gone change nothing
  const int fd = (*descriptor)->get();
  if (change.uid || change.gid) {
    const uid_t uid = change.uid.value_or(static_cast<uid_t>(-1));
    const gid_t gid = change.gid.value_or(static_cast<gid_t>(-1));
    const int changed = Point<"attribute.chown", CallKind::kAttribute>().Run(
        [&] { return ::fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW); });
    if (changed != 0) return FailErrno();
  }
  if (change.size) TRY(ApplySize(*inode, handle, *change.size));
  if (change.mode) {
    const int changed = Point<"attribute.chmod", CallKind::kAttribute>().Run(
        [&] { return ::chmod(MagicLink(fd).c_str(), *change.mode & 07777); });
    if (changed != 0) return FailErrno();
  }
  if (change.access_time || change.modification_time) {
    const struct timespec omit = {0, UTIME_OMIT};
    const struct timespec times[2] = {change.access_time.value_or(omit), change.modification_time.value_or(omit)};
    // The kernel's utimensat takes an empty path from Linux 5.8 on; the magic link serves all and symlinks too.
    if (::utimensat(fd, "", times, AT_EMPTY_PATH) != 0 &&
        (errno != EINVAL || ::utimensat(AT_FDCWD, MagicLink(fd).c_str(), times, 0) != 0)) {
      return FailErrno();
    }
  }
  return ShownAttributes(id, TRY(InodeTable::Stat(fd, "")));
}

Status Volume::ClearSetId(NodeId id) {
  InodePtr inode = TRY(table_->Get(id));
  if (inode->IsDirectory()) return {};  // there the bits mean something else
  auto descriptor = TRY(DescriptorOf(*inode));
  const struct statx attributes = TRY(InodeTable::Stat(descriptor->get(), ""));
  mode_t mode = attributes.stx_mode & 07777u & ~static_cast<mode_t>(S_ISUID);
  if ((mode & S_IXGRP) != 0) mode &= ~static_cast<mode_t>(S_ISGID);
  if (mode == (attributes.stx_mode & 07777u)) return {};
  if (::chmod(MagicLink(descriptor->get()).c_str(), mode) != 0) return FailErrno();
  return {};
}

Result<size_t> Volume::GetXattr(NodeId id, const char* name, ByteSpan value) {
  if (IsOurs(name)) return FailErrno(ENODATA);
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(DescriptorOf(*inode));
  const ssize_t size = ::getxattr(MagicLink(descriptor->get()).c_str(), name, value.data(), value.size());
  if (size < 0) return FailErrno();
  return static_cast<size_t>(size);
}

Result<size_t> Volume::ListXattr(NodeId id, ByteSpan names) {
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(DescriptorOf(*inode));
  const std::string path = MagicLink(descriptor->get());
  std::string all;
  for (;;) {
    const ssize_t needed = ::listxattr(path.c_str(), nullptr, 0);
    if (needed < 0) return FailErrno();
    all.resize(static_cast<size_t>(needed));
    const ssize_t size = ::listxattr(path.c_str(), all.data(), all.size());
    if (size < 0 && errno == ERANGE) continue;  // grew in between
    if (size < 0) return FailErrno();
    all.resize(static_cast<size_t>(size));
    break;
  }
  std::string shown;
  for (size_t at = 0; at < all.size();) {
    const std::string_view name(all.c_str() + at);
    if (!IsOurs(name)) shown.append(name).push_back('\0');
    at += name.size() + 1;
  }
  if (names.empty()) return shown.size();
  if (shown.size() > names.size()) return FailErrno(ERANGE);
  std::memcpy(names.data(), shown.data(), shown.size());
  return shown.size();
}

Status Volume::SetXattr(NodeId id, const char* name, ByteView value, int flags) {
  if (IsOurs(name)) return FailErrno(EPERM);
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(DescriptorOf(*inode));
  const int set = Point<"attribute.setxattr", CallKind::kAttribute>().Run(
      [&] { return ::setxattr(MagicLink(descriptor->get()).c_str(), name, value.data(), value.size(), flags); });
  if (set != 0) return FailErrno();
  return {};
}

Status Volume::RemoveXattr(NodeId id, const char* name) {
  if (IsOurs(name)) return FailErrno(EPERM);
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(DescriptorOf(*inode));
  const int removed = Point<"attribute.removexattr", CallKind::kAttribute>().Run(
      [&] { return ::removexattr(MagicLink(descriptor->get()).c_str(), name); });
  if (removed != 0) return FailErrno();
  return {};
}

}  // namespace tdefs
