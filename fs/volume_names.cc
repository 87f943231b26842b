// Volume: names are made, linked, renamed and removed. Each change is done on the backing directory first and then
// recorded, both under the names_mutex of the directories, so that the dictionary sees them in the same order.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "fs/attributes.h"
#include "fs/magic_link.h"
#include "fs/volume.h"

namespace tdefs {
namespace {

constexpr uint64_t kStatBlockBytes = 512;
constexpr uint64_t kSpaceKeptMax = 64 << 10;  // of a removed file, until the kernel forgets it

// Holds the names of one or two directories alone; of two, the smaller id is locked first.
class NamesLock {
 public:
  NamesLock(Inode& a, Inode& b) {
    Inode& first = a.id <= b.id ? a : b;
    first_ = std::unique_lock(first.names_mutex);
    if (&a != &b) second_ = std::unique_lock((&first == &a ? b : a).names_mutex);
  }

 private:
  std::unique_lock<std::shared_mutex> first_, second_;
};

}  // namespace

Result<Entry> Volume::MakeDirectory(NodeId parent, const char* name, mode_t mode, const Caller& caller) {
  TRY(CheckName(parent, name));
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::unique_lock lock(dir->names_mutex);
  if (MakeAs(caller, false, [&] {
        return Point<"name.mkdir", CallKind::kName>().Run([&] { return ::mkdirat(descriptor->get(), name, mode); });
      }) != 0)
    return FailErrno();
  return EntryOf(*dir, descriptor->get(), name);
}

Result<Entry> Volume::MakeNode(NodeId parent, const char* name, mode_t mode, dev_t device, const Caller& caller) {
  if (S_ISREG(mode)) {
    Opened made = TRY(Create(parent, name, mode, O_RDWR | O_EXCL, caller));
    return made.entry;
  }
  TRY(CheckName(parent, name));
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::unique_lock lock(dir->names_mutex);
  const int made = MakeAs(caller, (mode & S_ISGID) != 0, [&] {
    return Point<"name.mknod", CallKind::kName>().Run([&] { return ::mknodat(descriptor->get(), name, mode, device); });
  });
  if (made != 0) return FailErrno();
  return EntryOf(*dir, descriptor->get(), name);
}

Result<Entry> Volume::MakeSymlink(NodeId parent, const char* name, const char* target, const Caller& caller) {
  TRY(CheckName(parent, name));
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::unique_lock lock(dir->names_mutex);
  if (MakeAs(caller, false, [&] {
        return Point<"name.symlink", CallKind::kName>().Run(
            [&] { return ::symlinkat(target, descriptor->get(), name); });
      }) != 0)
    return FailErrno();
  return EntryOf(*dir, descriptor->get(), name);
}

Result<Entry> Volume::Link(NodeId id, NodeId new_parent, const char* new_name) {
  TRY(CheckName(new_parent, new_name));
  InodePtr inode = TRY(table_->Get(id));
  InodePtr dir = TRY(Directory(new_parent));
  auto target = TRY(table_->Descriptor(*inode));
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::unique_lock lock(dir->names_mutex);
  if (!dir->IsDirectory()) return FailErrno(ENOTDIR);
  if (inode->IsRegular()) TRY(keys_.files().CheckLink(*dir->directory, new_name));
  const int linked = Point<"name.link", CallKind::kName>().Run([&] {
    return ::linkat(AT_FDCWD, MagicLink(target->get()).c_str(), descriptor->get(), new_name, AT_SYMLINK_FOLLOW);
  });
  if (linked != 0) return FailErrno();
  if (inode->removed.exchange(false)) table_->UnpinDescriptor(*inode);  // an unnamed file got a name
  if (inode->IsRegular()) {
    std::lock_guard file_lock(inode->mutex);
    auto record = [&]() -> Result<Sequence> {
      if (inode->record) {
        auto change = TRY(keys_.files().Link(*dir->directory, new_name, *inode->record));
        keys_.files().Unpin(change.record);
        return change.sequence;
      }
      auto tag = ReadTag(target->get(), true);
      if (!tag && tag.error().code == ErrorCode::kSystem) return std::unexpected(tag.error());
      if (!tag || !*tag) return Sequence{0};  // foreign: it stays without a record
      auto change = TRY(keys_.files().Insert(*dir->directory, new_name, **tag));
      SetRecord(*inode, change.record);
      return change.sequence;
    };
    auto change = record();
    Changed(*inode, change, "a link");
    Changed(*dir, change, "a link");
  }
  return EntryOf(*dir, descriptor->get(), new_name);
}

InodePtr Volume::BeforeLastName(int dir_fd, const char* name) {
  auto attributes = InodeTable::Stat(dir_fd, name);
  if (!attributes || (!S_ISDIR(attributes->stx_mode) && attributes->stx_nlink > 1)) return nullptr;
  InodePtr inode = table_->FindKnown(*attributes);
  if (!inode) return nullptr;
  std::lock_guard lock(inode->mutex);
  inode->last_attributes = *attributes;
  inode->last_attributes->stx_nlink = 0;
  // A program may have looked up the name and be about to open it; and as long as the kernel remembers the file, its
  // number must not be given to another one. If there is no descriptor to be had, so be it.
  (void)table_->PinDescriptor(*inode);
  return inode;
}

// The descriptor would keep the space of a large file until the kernel has forgotten it. Nobody has the file open, so
// it is emptied; who is just about to open it is sent to look up the name once more.
void Volume::AfterLastName(Inode& inode) {
  inode.removed = true;
  if (!inode.IsRegular()) return;
  std::lock_guard lock(inode.mutex);
  if (!inode.open_file.expired()) return;
  auto descriptor = table_->Descriptor(inode);
  if (!descriptor) return;
  auto attributes = InodeTable::Stat((*descriptor)->get(), "");
  // It may have got another name meanwhile. One that has none can get none any more.
  if (!attributes || attributes->stx_nlink != 0 || attributes->stx_blocks * kStatBlockBytes <= kSpaceKeptMax) return;
  inode.emptied = true;
  const std::string path = MagicLink((*descriptor)->get());
  if (Point<"name.free-space", CallKind::kSize>().Run([&] { return ::truncate(path.c_str(), 0); }) != 0) {
    Log(LogLevel::kWarn, "a removed file keeps its space until it is forgotten: errno {}", errno);
  }
}

Status Volume::Unlink(NodeId parent, const char* name) {
  return RemoveName(parent, name, 0);
}

Status Volume::RemoveDirectory(NodeId parent, const char* name) {
  return RemoveName(parent, name, AT_REMOVEDIR);
}

Status Volume::RemoveName(NodeId parent, const char* name, int flags) {
  TRY(CheckName(parent, name));
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::unique_lock lock(dir->names_mutex);
  InodePtr last = BeforeLastName(descriptor->get(), name);
  const int unlinked =
      Point<"name.unlink", CallKind::kName>().Run([&] { return ::unlinkat(descriptor->get(), name, flags); });
  if (unlinked != 0) {
    const int error = errno;
    if (last) table_->UnpinDescriptor(*last);
    return FailErrno(error);
  }
  if (last) AfterLastName(*last);
  statistics_.removes.fetch_add(1, std::memory_order_relaxed);
  Changed(*dir, keys_.files().Remove(*dir->directory, name), "a removal");
  return {};
}

Status Volume::Rename(NodeId from_parent, const char* from, NodeId to_parent, const char* to, unsigned flags) {
  TRY(CheckName(from_parent, from));
  TRY(CheckName(to_parent, to));
  if ((flags & RENAME_WHITEOUT) != 0) return FailErrno(EINVAL);
  InodePtr from_dir = TRY(Directory(from_parent));
  InodePtr to_dir = TRY(Directory(to_parent));
  if (!from_dir->IsDirectory() || !to_dir->IsDirectory()) return FailErrno(ENOTDIR);
  auto from_fd = TRY(table_->Descriptor(*from_dir));
  auto to_fd = TRY(table_->Descriptor(*to_dir));
  NamesLock lock(*from_dir, *to_dir);
  const struct statx source = TRY(InodeTable::Stat(from_fd->get(), from));
  TRY((flags & RENAME_EXCHANGE) != 0 ? keys_.files().CheckExchange(*from_dir->directory, from, *to_dir->directory, to)
                                     : keys_.files().CheckRename(*from_dir->directory, from, *to_dir->directory, to));
  InodePtr victim;
  if ((flags & RENAME_EXCHANGE) == 0) {
    auto target = InodeTable::Stat(to_fd->get(), to);
    // Two names of one file: rename(2) does nothing, and neither must the dictionary.
    const bool same_file = target && InodeTable::KeyOf(*target) == InodeTable::KeyOf(source);
    if (same_file && flags == 0) return {};
    if (target) victim = BeforeLastName(to_fd->get(), to);
  }
  const int renamed = Point<"name.rename", CallKind::kName>().Run(
      [&] { return ::renameat2(from_fd->get(), from, to_fd->get(), to, flags); });
  if (renamed != 0) {
    const int error = errno;
    if (victim) table_->UnpinDescriptor(*victim);
    return FailErrno(error);
  }
  if (victim) AfterLastName(*victim);
  statistics_.renames.fetch_add(1, std::memory_order_relaxed);
  auto change = (flags & RENAME_EXCHANGE) != 0
                    ? keys_.files().Exchange(*from_dir->directory, from, *to_dir->directory, to)
                    : keys_.files().Rename(*from_dir->directory, from, *to_dir->directory, to);
  Changed(*to_dir, change, "a rename");
  Changed(*from_dir, change, "a rename");
  // A walk of all names may have passed the new place and not yet have met the old one: it is to walk again.
  const bool moves_subtree = S_ISDIR(source.stx_mode) || (flags & RENAME_EXCHANGE) != 0;
  if (moves_subtree && keys_.healing()) keys_.RequireHealing();
  if (change) {
    if (InodePtr moved = table_->FindKnown(source)) moved->Depend(*change);
  }
  return {};
}

Result<std::string> Volume::ReadLink(NodeId id) {
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(table_->Descriptor(*inode));
  std::array<char, PATH_MAX + 1> target;
  const ssize_t length = ::readlinkat(descriptor->get(), "", target.data(), target.size());
  if (length < 0) return FailErrno();
  return std::string(target.data(), static_cast<size_t>(length));
}

}  // namespace tdefs
