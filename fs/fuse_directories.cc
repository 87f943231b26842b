// FUSE operations on open directories.
#include <memory>
#include <vector>

#include "fs/fuse_glue.h"

namespace tdefs {
namespace {

DirectoryHandle& HandleOf(const struct fuse_file_info* info) {
  return *reinterpret_cast<DirectoryHandle*>(info->fh);
}

void OpenDirectory(fuse_req_t request, fuse_ino_t node, struct fuse_file_info* info) {
  Answer(request, [&] {
    auto handle = VolumeOf(request).OpenDirectory(node);
    if (!handle) return ReplyError(request, handle.error());
    DirectoryHandle* released = handle->release();
    info->fh = reinterpret_cast<uint64_t>(released);
    info->cache_readdir = 1;
    info->keep_cache = 1;
    if (fuse_reply_open(request, info) == -ENOENT) delete released;
  });
}

void ReleaseDirectory(fuse_req_t request, fuse_ino_t, struct fuse_file_info* info) {
  delete &HandleOf(info);
  fuse_reply_err(request, 0);
}

// Fills a reply of at most `size` bytes by `add`, which returns the bytes an item takes, more than are left if it does
// not fit.
template <typename Add>
void List(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info* info, const Add& add) {
  thread_local std::vector<char> buffer;
  buffer.resize(size);
  size_t used = 0;
  Status status = HandleOf(info).ForEach(offset, [&](const DirectoryHandle::Item& item) {
    if (Volume::IsHidden(node, item.name)) return true;
    const size_t needed = add(buffer.data() + used, size - used, item);
    if (needed > size - used) return false;
    used += needed;
    return true;
  });
  if (!status && used == 0) return ReplyError(request, status.error());
  fuse_reply_buf(request, buffer.data(), used);
}

void ReadDirectory(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info* info) {
  Answer(request, [&] {
    List(request, node, size, offset, info, [&](char* at, size_t left, const DirectoryHandle::Item& item) {
      struct stat attributes {};
      attributes.st_ino = item.ino;
      attributes.st_mode = item.type;
      return fuse_add_direntry(request, at, left, item.name, &attributes, item.next);
    });
  });
}

// As ReadDirectory, with each name looked up. "." and ".." are named but not looked up, as the protocol wants.
void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info* info) {
  Answer(request, [&] {
    FuseContext& context = ContextOf(request);
    List(request, node, size, offset, info, [&](char* at, size_t left, const DirectoryHandle::Item& item) {
      fuse_entry_param entry{};
      entry.attr.st_ino = item.ino;
      entry.attr.st_mode = item.type;
      // Room is made sure of first: what was looked up must reach the kernel.
      const size_t needed = fuse_add_direntry_plus(request, nullptr, 0, item.name, &entry, item.next);
      if (needed > left) return needed;
      const std::string_view name(item.name);
      if (name != "." && name != "..") {
        if (auto found = context.volume->Lookup(node, item.name)) entry = ToFuse(context, *found);
      }
      return fuse_add_direntry_plus(request, at, left, item.name, &entry, item.next);
    });
  });
}

void SyncDirectory(fuse_req_t request, fuse_ino_t, int data_only, struct fuse_file_info* info) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).SyncDirectory(HandleOf(info), data_only != 0)); });
}

}  // namespace

void AddDirectoryOperations(fuse_lowlevel_ops& operations) {
  operations.opendir = OpenDirectory;
  operations.releasedir = ReleaseDirectory;
  operations.readdir = ReadDirectory;
  operations.readdirplus = ReadDirectoryPlus;
  operations.fsyncdir = SyncDirectory;
}

}  // namespace tdefs
