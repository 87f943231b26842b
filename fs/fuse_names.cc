// FUSE operations on names.
#include "fs/fuse_glue.h"

namespace tdefs {
namespace {

void Lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Answer(request, [&] {
    FuseContext& context = ContextOf(request);
    const std::string_view text(name);
    auto entry = text == "." ? context.volume->LookupSelf(parent) : context.volume->Lookup(parent, name);
    if (!entry && entry.error().Errno() == ENOENT) {
      // A negative entry: the kernel remembers that there is no such name.
      fuse_entry_param none{};
      none.entry_timeout = context.cache_timeout_s;
      fuse_reply_entry(request, &none);
      return;
    }
    ReplyEntry(request, entry);
  });
}

void Forget(fuse_req_t request, fuse_ino_t node, uint64_t count) {
  VolumeOf(request).Forget(node, count);
  fuse_reply_none(request);
}

void ForgetMulti(fuse_req_t request, size_t count, struct fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) VolumeOf(request).Forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void MakeDirectory(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  Answer(request, [&] { ReplyEntry(request, VolumeOf(request).MakeDirectory(parent, name, mode, CallerOf(request))); });
}

void MakeNode(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  Answer(request,
         [&] { ReplyEntry(request, VolumeOf(request).MakeNode(parent, name, mode, device, CallerOf(request))); });
}

void MakeSymlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  Answer(request, [&] { ReplyEntry(request, VolumeOf(request).MakeSymlink(parent, name, target, CallerOf(request))); });
}

void Link(fuse_req_t request, fuse_ino_t node, fuse_ino_t new_parent, const char* new_name) {
  Answer(request, [&] { ReplyEntry(request, VolumeOf(request).Link(node, new_parent, new_name)); });
}

void Unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).Unlink(parent, name)); });
}

void RemoveDirectory(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).RemoveDirectory(parent, name)); });
}

void Rename(fuse_req_t request, fuse_ino_t from_parent, const char* from, fuse_ino_t to_parent, const char* to,
            unsigned flags) {
  Answer(request, [&] { ReplyStatus(request, VolumeOf(request).Rename(from_parent, from, to_parent, to, flags)); });
}

void ReadLink(fuse_req_t request, fuse_ino_t node) {
  Answer(request, [&] {
    auto target = VolumeOf(request).ReadLink(node);
    if (!target) return ReplyError(request, target.error());
    fuse_reply_readlink(request, target->c_str());
  });
}

}  // namespace

void ReplyEntry(fuse_req_t request, const Result<Entry>& entry) {
  if (!entry) return ReplyError(request, entry.error());
  FuseContext& context = ContextOf(request);
  const fuse_entry_param out = ToFuse(context, *entry);
  if (fuse_reply_entry(request, &out) == -ENOENT) context.volume->Forget(entry->id, 1);
}

void AddNameOperations(fuse_lowlevel_ops& operations) {
  operations.lookup = Lookup;
  operations.forget = Forget;
  operations.forget_multi = ForgetMulti;
  operations.mkdir = MakeDirectory;
  operations.mknod = MakeNode;
  operations.symlink = MakeSymlink;
  operations.link = Link;
  operations.unlink = Unlink;
  operations.rmdir = RemoveDirectory;
  operations.rename = Rename;
  operations.readlink = ReadLink;
}

}  // namespace tdefs
