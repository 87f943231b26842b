// What the FUSE operations share: the volume behind a request, the caller, and one way to reply.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <atomic>
#include <new>

#include "base/unique_fd.h"
#include "config/config.h"
#include "fs/volume.h"

namespace tdefs {

// What a request finds as its session's user data.
struct FuseContext {
  Volume* volume = nullptr;
  MountConfig mount;
  double cache_timeout_s = 0;
  UniqueFd device;  // /dev/fuse, of our own: libfuse closes its descriptor when it unmounts, while we still serve
  std::atomic<bool> init_pending = false;  // the next reply is INIT's: the kernel asks nothing else before it
  std::atomic<uint32_t> init_offered = 0;  // what the kernel offered in it
};

inline FuseContext& ContextOf(fuse_req_t request) {
  return *static_cast<FuseContext*>(fuse_req_userdata(request));
}
inline Volume& VolumeOf(fuse_req_t request) {
  return *ContextOf(request).volume;
}

inline Caller CallerOf(fuse_req_t request) {
  const struct fuse_ctx* context = fuse_req_ctx(request);
  return {context->uid, context->gid, context->umask, context->pid};
}

// True while this thread handles a request in which the kernel asks for set-id bits to be cleared; libfuse 3.14 does
// not pass that on, so the session reads it from the request itself.
bool& KillSetIdRequested();

inline void ReplyStatus(fuse_req_t request, const Status& status) {
  fuse_reply_err(request, status ? 0 : status.error().Errno());
}
inline void ReplyError(fuse_req_t request, const Error& error) {
  fuse_reply_err(request, error.Errno());
}

inline fuse_entry_param ToFuse(const FuseContext& context, const Entry& entry) {
  fuse_entry_param out{};
  out.ino = entry.id;
  out.generation = entry.generation;
  out.attr = entry.attributes;
  out.attr_timeout = out.entry_timeout = context.cache_timeout_s;
  return out;
}

// Replies with the entry; if the kernel does not take the reply, its lookup does not count.
void ReplyEntry(fuse_req_t request, const Result<Entry>& entry);

// Runs an operation; the only exception that can arise, lack of memory, becomes ENOMEM.
template <typename Operation>
void Answer(fuse_req_t request, const Operation& operation) {
  try {
    operation();
  } catch (const std::bad_alloc&) {
    fuse_reply_err(request, ENOMEM);
  }
}

// The parts of the operation table, one a file.
void AddNameOperations(fuse_lowlevel_ops& operations);
void AddFileOperations(fuse_lowlevel_ops& operations);
void AddDirectoryOperations(fuse_lowlevel_ops& operations);
void AddAttributeOperations(fuse_lowlevel_ops& operations);

}  // namespace tdefs
