// Volume: files are created, opened, read, written and synced.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "fs/attributes.h"
#include "fs/volume.h"

namespace tdefs {
namespace {

bool IsReadOnlyError(int error) {
  return error == EACCES || error == EROFS || error == EPERM || error == ETXTBSY;
}

bool WantsWriting(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

}  // namespace

// The content of a file, opened and verified once for all who use it. The backing file is opened for both reading and
// writing where that is possible: a partial unit has to be read before it is written.
Result<std::shared_ptr<OpenFile>> Volume::OpenContent(Inode& inode, bool for_writing) {
  std::lock_guard lock(inode.mutex);
  std::shared_ptr<OpenFile> file = inode.open_file.lock();
  if (file && (file->writable() || !for_writing)) return file;
  if (inode.emptied) return FailErrno(ESTALE);
  bool writable = true;
  auto fd = table_->Open(inode, O_RDWR | O_NOFOLLOW);
  if (!fd && IsReadOnlyError(fd.error().sys_errno) && !for_writing) {
    writable = false;
    fd = table_->Open(inode, O_RDONLY | O_NOFOLLOW);
  }
  if (!fd) return std::unexpected(fd.error());
  ContentKey key = TRY(Verify(inode, fd->get()));
  file = TRY(OpenFile::Create(std::move(*fd), writable, std::move(key), statistics_));
  if (keys_.healing() && !options_.read_only) TRY(file->HealTail());
  // An empty file may have been emptied by a crash that its new tag did not survive: its IV may have been used.
  if (for_writing && file->size_bytes() == 0) TRY(RenewLocked(inode, *file));
  inode.open_file = file;
  return file;
}

// Opening a file while healing mends its end (OpenFile::HealTail). False if it has to be tried again.
bool Volume::HealContent(NodeId id) {
  auto inode = table_->Get(id);
  if (!inode) return true;
  {
    std::lock_guard lock((*inode)->mutex);
    if (!(*inode)->record) return true;  // foreign
  }
  auto opened = OpenContent(**inode, false);
  return opened || opened.error().code != ErrorCode::kSystem;
}

// An emptied file gets a fresh IV and the current data key (DESIGN 5), tag before data (R1), unless nothing was ever
// encrypted under the ones it has.
Status Volume::Renew(Inode& inode, OpenFile& file) {
  std::lock_guard lock(inode.mutex);
  const bool was_empty = file.size_bytes() == 0;
  TRY(RenewLocked(inode, file));
  return was_empty ? file.Resize(0) : Status();  // for its times
}

Status Volume::RenewLocked(Inode& inode, OpenFile& file) {
  const FileRecord old = file.record();
  if (file.unused() && old.key_id == keys_.current_key_id()) return {};
  const FileRecord fresh = TRY(keys_.NewRecord());
  ContentKey key{fresh, TRY(keys_.CipherFor(fresh)), true};
  return file.Empty(std::move(key), [&]() -> Status {
    TRY(WriteTag(file.fd(), false, fresh));
    if (!inode.record) {
      if (!inode.removed) keys_.RequireHealing();  // its entry has a name we do not know
      return {};
    }
    auto change = keys_.files().Update(*inode.record, fresh);
    if (!change) {
      // Back to the old record, so that tag and dictionary stay of one mind.
      TRY(WriteTag(file.fd(), false, old));
      return std::unexpected(change.error());
    }
    inode.Depend(*change);
    return {};
  });
}

Status Volume::ApplySize(Inode& inode, FileHandle* handle, uint64_t size) {
  if (!inode.IsRegular()) return FailErrno(S_ISDIR(inode.type) ? EISDIR : EINVAL);
  std::shared_ptr<OpenFile> file = handle != nullptr ? handle->file : TRY(OpenContent(inode, true));
  if (size == 0) return Renew(inode, *file);
  return file->Resize(size);
}

// Gives a new, empty backing file its tag and, if it has a name, its entry.
Result<FileRecord> Volume::RegisterNew(int fd, Inode* dir, const char* name,
                                       std::optional<FileDictionary::Change>& change) {
  const FileRecord record = TRY(keys_.NewRecord());
  TRY(WriteTag(fd, false, record));
  if (dir != nullptr) change = TRY(keys_.files().Insert(*dir->directory, name, record));
  return record;
}

// Requires: dir->names_mutex is held, if there is a name.
Result<Volume::Opened> Volume::FinishCreate(Inode* dir, const char* name, UniqueFd fd, mode_t mode, int flags,
                                            const Caller& caller) {
  std::optional<FileDictionary::Change> change;
  const FileRecord record = TRY(RegisterNew(fd.get(), dir, name, change));
  // A daemon that is not root had to make the file writable for itself to tag it.
  if (::geteuid() != 0) {
    const mode_t wanted = mode & ~caller.umask & 07777;
    if (wanted != ((wanted | S_IRUSR | S_IWUSR)) && ::fchmod(fd.get(), wanted) != 0) return FailErrno();
  }
  ContentKey key{record, TRY(keys_.CipherFor(record)), true};
  auto file = TRY(OpenFile::Create(std::move(fd), true, std::move(key), statistics_));
  const struct statx attributes = TRY(InodeTable::Stat(file->fd(), ""));
  InodePtr inode = TRY(table_->Enter(file->fd(), "", attributes, true, [](Inode&) {}));
  {
    std::lock_guard lock(inode->mutex);
    if (change) {
      SetRecord(*inode, change->record);
      inode->Depend(change->sequence);
      dir->Depend(change->sequence);
    } else {
      inode->removed = true;  // it has no name yet
    }
    inode->open_file = file;
  }
  if (!change) (void)table_->PinDescriptor(*inode);  // without one, linkat will not find it
  statistics_.creates.fetch_add(1, std::memory_order_relaxed);
  Opened opened;
  opened.entry = Entry{inode->id, inode->Generation(), ShownAttributes(inode->id, attributes)};
  opened.handle =
      std::make_unique<FileHandle>(inode, std::move(file), options_.direct_io && (flags & O_DIRECT) != 0, statistics_);
  return opened;
}

Result<Volume::Opened> Volume::Create(NodeId parent, const char* name, mode_t mode, int flags, const Caller& caller) {
  TRY(CheckName(parent, name));
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  {
    std::unique_lock lock(dir->names_mutex);
    const mode_t create_mode = ::geteuid() == 0 ? mode : mode | S_IRUSR | S_IWUSR;
    UniqueFd fd(MakeAs(caller, (mode & S_ISGID) != 0, [&] {
      return Point<"name.create", CallKind::kName>().Run([&] {
        return ::openat(descriptor->get(), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, create_mode);
      });
    }));
    if (fd) {
      auto opened = FinishCreate(dir.get(), name, std::move(fd), mode, flags, caller);
      if (!opened) {
        // No visible file without tag and entry.
        (void)Point<"name.undo-create", CallKind::kName>().Run([&] { return ::unlinkat(descriptor->get(), name, 0); });
        if (auto removed = keys_.files().Remove(*dir->directory, name); !removed) keys_.RequireHealing();
      }
      return opened;
    }
    if (errno != EEXIST || (flags & O_EXCL) != 0) return FailErrno();
  }
  // Somebody else made it in the meantime.
  Opened opened;
  opened.entry = TRY(Lookup(parent, name));
  auto handle = Open(opened.entry.id, flags & ~O_CREAT);
  if (!handle) {
    Forget(opened.entry.id, 1);
    return std::unexpected(handle.error());
  }
  opened.handle = std::move(*handle);
  return opened;
}

Result<Volume::Opened> Volume::CreateUnnamed(NodeId parent, mode_t mode, int flags, const Caller& caller) {
  InodePtr dir = TRY(Directory(parent));
  auto descriptor = TRY(table_->Descriptor(*dir));
  UniqueFd fd(MakeAs(caller, (mode & S_ISGID) != 0, [&] {
    return Point<"name.tmpfile", CallKind::kName>().Run(
        [&] { return ::openat(descriptor->get(), ".", O_RDWR | O_TMPFILE | O_CLOEXEC | (flags & O_EXCL), mode); });
  }));
  if (!fd) return FailErrno();
  return FinishCreate(nullptr, "", std::move(fd), mode, flags, caller);
}

Result<std::unique_ptr<FileHandle>> Volume::Open(NodeId id, int flags) {
  InodePtr inode = TRY(table_->Get(id));
  if (!inode->IsRegular()) return FailErrno(inode->IsDirectory() ? EISDIR : ENXIO);
  auto file = TRY(OpenContent(*inode, WantsWriting(flags)));
  if ((flags & O_TRUNC) != 0) TRY(Renew(*inode, *file));
  return std::make_unique<FileHandle>(std::move(inode), std::move(file), options_.direct_io && (flags & O_DIRECT) != 0,
                                      statistics_);
}

Result<ByteView> Volume::Read(FileHandle& handle, uint64_t offset, size_t size, IoBuffer& buffer) {
  return handle.file->Read(offset, size, handle.direct, buffer);
}

Result<size_t> Volume::Write(FileHandle& handle, uint64_t offset, ByteSpan data) {
  return handle.file->Write(offset, data, handle.direct);
}

Status Volume::Allocate(FileHandle& handle, int mode, uint64_t offset, uint64_t length) {
  return handle.file->Allocate(mode, offset, length);
}

// The log of the dictionary and the backing file are flushed side by side; once the record is durable, the first costs
// nothing (R4).
Status Volume::Sync(FileHandle& handle, bool data_only) {
  const Sequence needed = handle.inode->sequence.load(std::memory_order_relaxed);
  if (needed != 0) keys_.files().StartFlush(needed);
  Status synced;
  {
    std::lock_guard lock(handle.mutex);
    synced = handle.file->Sync(data_only, handle.errors_seen);
  }
  if (needed != 0) {
    Status flushed = keys_.files().Flush(needed);
    if (synced && !flushed) return flushed;
  }
  return synced;
}

Result<std::unique_ptr<DirectoryHandle>> Volume::OpenDirectory(NodeId id) {
  InodePtr inode = TRY(table_->Get(id));
  auto descriptor = TRY(table_->Descriptor(*inode));
  UniqueFd fd(Point<"directory.open", CallKind::kOther>().Run(
      [&] { return ::openat(descriptor->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) return FailErrno();
  return DirectoryHandle::Create(std::move(fd), std::move(inode));
}

Status Volume::SyncDirectory(DirectoryHandle& handle, bool data_only) {
  const Sequence needed = keys_.files().last();
  keys_.files().StartFlush(needed);
  const int result = Point<"directory.sync", CallKind::kSync>().Run(
      [&] { return data_only ? ::fdatasync(handle.fd()) : ::fsync(handle.fd()); });
  const int error = errno;
  Status flushed = keys_.files().Flush(needed);
  if (result != 0) return FailErrno(error);
  return flushed;
}

}  // namespace tdefs
