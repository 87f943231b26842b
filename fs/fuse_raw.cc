#include "fs/fuse_raw.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <unistd.h>

#include <cstring>
#include <optional>

namespace tdefs {
namespace {

// The argument that follows the header of a request.
template <typename T>
std::optional<T> Argument(ByteView request) {
  T argument;
  if (request.size() < sizeof(fuse_in_header) + sizeof argument) return std::nullopt;
  std::memcpy(&argument, request.data() + sizeof(fuse_in_header), sizeof argument);
  return argument;
}

bool AsksToKillSetId(const fuse_in_header& header, ByteView request) {
  switch (header.opcode) {
    case FUSE_WRITE: {
      auto in = Argument<fuse_write_in>(request);
      return in && (in->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
    }
    case FUSE_SETATTR: {
      auto in = Argument<fuse_setattr_in>(request);
      // A request to set nothing is what is left of chown(-1, -1), which clears them too.
      constexpr uint32_t kNoAttribute = FATTR_FH | FATTR_LOCKOWNER | FATTR_CTIME;
      return in && ((in->valid & FATTR_KILL_SUIDGID) != 0 || (in->valid & ~kNoAttribute) == 0);
    }
    case FUSE_OPEN: {
      auto in = Argument<fuse_open_in>(request);
      return in && (in->open_flags & FUSE_OPEN_KILL_SUIDGID) != 0;
    }
    case FUSE_FALLOCATE:
      return header.uid != 0;  // the kernel leaves it to us altogether; root may keep them
    default:
      return false;
  }
}

void FillAttributes(const struct stat& from, fuse_attr& to) {
  to.ino = from.st_ino;
  to.size = static_cast<uint64_t>(from.st_size);
  to.blocks = static_cast<uint64_t>(from.st_blocks);
  to.atime = static_cast<uint64_t>(from.st_atim.tv_sec);
  to.mtime = static_cast<uint64_t>(from.st_mtim.tv_sec);
  to.ctime = static_cast<uint64_t>(from.st_ctim.tv_sec);
  to.atimensec = static_cast<uint32_t>(from.st_atim.tv_nsec);
  to.mtimensec = static_cast<uint32_t>(from.st_mtim.tv_nsec);
  to.ctimensec = static_cast<uint32_t>(from.st_ctim.tv_nsec);
  to.mode = from.st_mode;
  to.nlink = static_cast<uint32_t>(from.st_nlink);
  to.uid = from.st_uid;
  to.gid = from.st_gid;
  to.rdev = static_cast<uint32_t>(from.st_rdev);
  to.blksize = static_cast<uint32_t>(from.st_blksize);
}

}  // namespace

RawRequest ReadRawRequest(ByteView request) {
  RawRequest raw;
  fuse_in_header header;
  if (request.size() < sizeof header) return raw;
  std::memcpy(&header, request.data(), sizeof header);
  raw.is_init = header.opcode == FUSE_INIT;
  raw.is_unnamed_create = header.opcode == FUSE_TMPFILE;
  raw.kill_set_id = AsksToKillSetId(header, request);
  if (raw.is_init) {
    auto in = Argument<fuse_init_in>(request);
    if (in) raw.init_flags = in->flags;
  }
  return raw;
}

void ExtendInitReply(struct iovec* reply, int count, uint32_t offered) {
  // PARALLEL_DIROPS: lookups and listings of one directory side by side. HANDLE_KILLPRIV_V2: no GETXATTR before each
  // write, since we clear set-id bits and the backing filesystem the capabilities.
  constexpr uint32_t kWanted = FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2;
  if (count < 2 || reply[1].iov_len < offsetof(fuse_init_out, flags) + sizeof(uint32_t)) return;
  auto* out = static_cast<std::byte*>(reply[1].iov_base) + offsetof(fuse_init_out, flags);
  uint32_t flags = 0;
  std::memcpy(&flags, out, sizeof flags);
  flags |= kWanted & offered;
  std::memcpy(out, &flags, sizeof flags);
}

void AnswerUnnamedCreate(ByteView request, Volume& volume, double cache_timeout_s, int fd) {
  fuse_in_header header;
  std::memcpy(&header, request.data(), sizeof header);
  struct {
    fuse_entry_out entry;
    fuse_open_out open;
  } body{};
  fuse_out_header out{};
  out.unique = header.unique;
  out.len = sizeof out;
  std::unique_ptr<FileHandle> handle;
  auto in = Argument<fuse_create_in>(request);
  if (!in) {
    out.error = -EINVAL;
  } else {
    const Caller caller{header.uid, header.gid, in->umask, static_cast<pid_t>(header.pid)};
    auto opened = volume.CreateUnnamed(header.nodeid, in->mode, static_cast<int>(in->flags), caller);
    if (!opened) {
      out.error = -opened.error().Errno();
    } else {
      const auto whole_seconds = static_cast<uint64_t>(cache_timeout_s);
      body.entry.nodeid = opened->entry.id;
      body.entry.generation = opened->entry.generation;
      body.entry.entry_valid = body.entry.attr_valid = whole_seconds;
      FillAttributes(opened->entry.attributes, body.entry.attr);
      handle = std::move(opened->handle);
      body.open.fh = reinterpret_cast<uint64_t>(handle.get());
      body.open.open_flags = FOPEN_KEEP_CACHE;
      out.len = sizeof out + sizeof body;
    }
  }
  const struct iovec parts[2] = {{&out, sizeof out}, {&body, sizeof body}};
  const ssize_t sent = ::writev(fd, parts, out.error != 0 ? 1 : 2);
  if (!handle) return;
  if (sent < 0) {
    volume.Forget(body.entry.nodeid, 1);
  } else {
    handle.release();  // the kernel's, until RELEASE
  }
}

}  // namespace tdefs
