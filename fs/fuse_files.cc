// FUSE operations on open files.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "fs/fuse_glue.h"

namespace tdefs {
namespace {

FileHandle& HandleOf(const struct fuse_file_info* info) {
  return *reinterpret_cast<FileHandle*>(info->fh);
}

// The page cache of the mount is always right, since nobody else changes the backing files: it outlives a close.
void FillOpen(struct fuse_file_info* info, FileHandle* handle) {
  info->fh = reinterpret_cast<uint64_t>(handle);
  info->keep_cache = 1;
}

// O_TRUNC and write access by somebody without the right to keep set-id bits.
void KillSetIdIfAsked(fuse_req_t request, fuse_ino_t node) {
  if (KillSetIdRequested()) (void)VolumeOf(request).ClearSetId(node);
}

void Create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, struct fuse_file_info* info) {
  Answer(request, [&] {
    FuseContext& context = ContextOf(request);
    auto opened = context.volume->Create(parent, name, mode, info->flags, CallerOf(request));
    if (!opened) return ReplyError(request, opened.error());
    const fuse_entry_param entry = ToFuse(context, opened->entry);
    FileHandle* handle = opened->handle.release();
    FillOpen(info, handle);
    if (fuse_reply_create(request, &entry, info) == -ENOENT) {
      delete handle;
      context.volume->Forget(opened->entry.id, 1);
    }
  });
}

void Open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info* info) {
  Answer(request, [&] {
    int flags = info->flags;
    if (ContextOf(request).mount.writeback_cache && (flags & O_ACCMODE) == O_WRONLY) flags ^= O_WRONLY ^ O_RDWR;
    auto handle = VolumeOf(request).Open(node, flags);
    if (!handle) return ReplyError(request, handle.error());
    if ((flags & O_TRUNC) != 0) KillSetIdIfAsked(request, node);
    FileHandle* released = handle->release();
    FillOpen(info, released);
    if (fuse_reply_open(request, info) == -ENOENT) delete released;
  });
}

void Release(fuse_req_t request, fuse_ino_t, struct fuse_file_info* info) {
  delete &HandleOf(info);
  fuse_reply_err(request, 0);
}

void Read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, struct fuse_file_info* info) {
  Answer(request, [&] {
    thread_local IoBuffer buffer;
    auto data = VolumeOf(request).Read(HandleOf(info), static_cast<uint64_t>(offset), size, buffer);
    if (!data) return ReplyError(request, data.error());
    fuse_reply_buf(request, reinterpret_cast<const char*>(data->data()), data->size());
  });
}

// The data lies in the session's own request buffer, which is not read again: it is encrypted where it is.
void Write(fuse_req_t request, fuse_ino_t node, const char* data, size_t size, off_t offset,
           struct fuse_file_info* info) {
  Answer(request, [&] {
    KillSetIdIfAsked(request, node);
    auto* bytes = reinterpret_cast<std::byte*>(const_cast<char*>(data));
    auto written = VolumeOf(request).Write(HandleOf(info), static_cast<uint64_t>(offset), {bytes, size});
    if (!written) return ReplyError(request, written.error());
    fuse_reply_write(request, *written);
  });
}

void Sync(fuse_req_t request, fuse_ino_t, int data_only, struct fuse_file_info* info) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).Sync(HandleOf(info), data_only != 0)); });
}

void Allocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length, struct fuse_file_info* info) {
  Answer(request, [&] {
    KillSetIdIfAsked(request, node);
    ReplyStatus(request, VolumeOf(request).Allocate(HandleOf(info), mode, static_cast<uint64_t>(offset),
                                                    static_cast<uint64_t>(length)));
  });
}

// With the write-back cache the kernel asks without bringing its fresh data here first, and a copy that trusted the
// answer would lose it. So there it is told to answer itself, and calls the whole file data.
void Seek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, struct fuse_file_info* info) {
  if (ContextOf(request).mount.writeback_cache) {
    fuse_reply_err(request, ENOSYS);
    return;
  }
  auto found = HandleOf(info).file->Seek(static_cast<uint64_t>(offset), whence);
  if (!found) return ReplyError(request, found.error());
  fuse_reply_lseek(request, static_cast<off_t>(*found));
}

// Inode flags and generation, which RocksDB and lsattr ask for. Nothing that changes a file goes this way.
void Ioctl(fuse_req_t request, fuse_ino_t, unsigned command, void*, struct fuse_file_info* info, unsigned flags,
           const void*, size_t, size_t out_size) {
  const bool known =
      command == static_cast<unsigned>(FS_IOC_GETFLAGS) || command == static_cast<unsigned>(FS_IOC_GETVERSION);
  if (!known || (flags & (FUSE_IOCTL_COMPAT | FUSE_IOCTL_DIR)) != 0 || out_size < sizeof(int)) {
    fuse_reply_err(request, ENOTTY);
    return;
  }
  long value = 0;
  if (::ioctl(HandleOf(info).file->fd(), command, &value) != 0) {
    fuse_reply_err(request, errno);
    return;
  }
  fuse_reply_ioctl(request, 0, &value, std::min(out_size, sizeof value));
}

}  // namespace

bool& KillSetIdRequested() {
  thread_local bool requested = false;
  return requested;
}

void AddFileOperations(fuse_lowlevel_ops& operations) {
  operations.create = Create;
  operations.open = Open;
  operations.release = Release;
  operations.read = Read;
  operations.write = Write;
  operations.fsync = Sync;
  operations.fallocate = Allocate;
  operations.lseek = Seek;
  operations.ioctl = Ioctl;
  // Left out on purpose, so that libfuse answers ENOSYS and the kernel asks no more: flush (nothing is delayed here),
  // getlk, setlk, flock (locks are the kernel's), copy_file_range (the kernel then copies through read and write).
}

}  // namespace tdefs
