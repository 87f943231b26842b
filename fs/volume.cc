#include "fs/volume.h"

#include <fcntl.h>

#include <cstring>
#include <filesystem>

#include "base/log.h"
#include "fs/attributes.h"
#include "fs/magic_link.h"

namespace tdefs {

Result<std::unique_ptr<Volume>> Volume::Create(UniqueFd backing_fd, KeyManager& keys, Options options,
                                               VolumeStatistics& statistics) {
  std::unique_ptr<Volume> volume(new Volume(std::move(backing_fd), keys, options, statistics));
  volume->table_ = TRY(InodeTable::Create(volume->backing_fd_.get(), keys.files(), statistics));
  return volume;
}

bool Volume::IsHidden(NodeId parent, std::string_view name) {
  return parent == kRootNode && name == kStoreDirName;
}

// The store's own directory can be neither made nor replaced.
Status Volume::CheckName(NodeId parent, const char* name) const {
  const size_t length = std::strlen(name);
  if (length == 0 || std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) return FailErrno(EINVAL);
  if (length > NAME_MAX) return FailErrno(ENAMETOOLONG);
  if (std::strchr(name, '/') != nullptr) return FailErrno(EINVAL);
  if (IsHidden(parent, name)) return FailErrno(EPERM);
  return {};
}

// What a name is looked up or made in. The kernel asks for directories only; whoever changes the backing tree behind
// our back may have put something else in the place of one.
Result<InodePtr> Volume::Directory(NodeId id) {
  InodePtr inode = TRY(table_->Get(id));
  if (!inode->directory) return FailErrno(ENOTDIR);
  return inode;
}

Result<Entry> Volume::Lookup(NodeId parent, const char* name) {
  if (auto allowed = CheckName(parent, name); !allowed) {
    return FailErrno(allowed.error().sys_errno == EPERM ? ENOENT : allowed.error().sys_errno);
  }
  InodePtr dir = TRY(Directory(parent));
  if (!dir->IsDirectory()) return FailErrno(ENOTDIR);
  auto descriptor = TRY(table_->Descriptor(*dir));
  std::shared_lock lock(dir->names_mutex);
  return EntryOf(*dir, descriptor->get(), name);
}

// Requires: dir.names_mutex is held.
Result<Entry> Volume::EntryOf(Inode& dir, int dir_fd, const char* name) {
  const struct statx attributes = TRY(InodeTable::Stat(dir_fd, name));
  InodePtr inode = TRY(table_->Enter(dir_fd, name, attributes, true, [&](Inode& fresh) {
    if (fresh.IsDirectory()) fresh.directory = fresh.files.Enter(*dir.directory, name);
  }));
  if (inode->IsRegular()) MatchName(dir, name, *inode, attributes.stx_size);
  return Entry{inode->id, inode->Generation(), ShownAttributes(inode->id, attributes)};
}

Result<Entry> Volume::LookupSelf(NodeId id) {
  auto known = table_->Get(id);
  if (!known) return Revive(id);
  if ((*known)->removed) return FailErrno(ESTALE);  // as of a forgotten one; it stays what it is for who has it open
  auto descriptor = TRY(table_->Descriptor(**known));
  const struct statx attributes = TRY(InodeTable::Stat(descriptor->get(), ""));
  InodePtr same = TRY(table_->Enter(descriptor->get(), "", attributes, true, [](Inode&) {}));
  return Entry{same->id, same->Generation(), ShownAttributes(same->id, attributes)};
}

// A program opens a file handle that it kept, of an inode the kernel has forgotten. A directory is looked up by the
// path that the backing filesystem gives it; a file has no certain name, but its tag proves that it is this store's.
Result<Entry> Volume::Revive(NodeId id) {
  UniqueFd fd = TRY(table_->OpenByNumber(id));
  const struct statx attributes = TRY(InodeTable::Stat(fd.get(), ""));
  if (S_ISDIR(attributes.stx_mode)) {
    std::error_code error;
    const std::string root = std::filesystem::read_symlink(MagicLink(backing_fd_.get()), error);
    const std::string path = std::filesystem::read_symlink(MagicLink(fd.get()), error);
    if (error || !path.starts_with(root + "/")) return FailErrno(ESTALE);
    return LookupPath(path.substr(root.size() + 1));
  }
  if (!S_ISREG(attributes.stx_mode)) return FailErrno(ESTALE);
  auto tag = ReadTag(fd.get(), true);
  if (!tag || !*tag) return FailErrno(ESTALE);
  InodePtr inode = TRY(table_->Enter(fd.get(), "", attributes, true, [](Inode& fresh) { fresh.revived = true; }));
  return Entry{inode->id, inode->Generation(), ShownAttributes(inode->id, attributes)};
}

// The entry of a path relative to the root of the volume; only the last inode keeps its lookup.
Result<Entry> Volume::LookupPath(const std::string& path) {
  Entry entry{.id = kRootNode};
  for (const auto& name : std::filesystem::path(path)) {
    const NodeId parent = entry.id;
    auto child = Lookup(parent, name.c_str());
    Forget(parent, 1);
    entry = TRY(std::move(child));
  }
  return entry;
}

Result<struct statvfs> Volume::Capacity() {
  struct statvfs capacity;
  if (::fstatvfs(backing_fd_.get(), &capacity) != 0) return FailErrno();
  return capacity;
}

// A backing change that the dictionary could not take (its disk is full) is not undone: the tags still tell all, so
// they are given the last word from now on and until the next mount has healed the dictionary (R2, R8).
void Volume::Changed(Inode& inode, const Result<Sequence>& change, const char* what) {
  if (change) {
    inode.Depend(*change);
    return;
  }
  Log(LogLevel::kError, "file dictionary: {} was not recorded and will be healed from tags: {}", what,
      change.error().Text());
  keys_.RequireHealing();
}

}  // namespace tdefs
