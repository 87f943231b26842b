// Whole reads and writes on descriptors, and the atomic replacement of small files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/unique_fd.h"

namespace tdefs {

// Reads until `out` is full or the file ends; returns the bytes read. Retries EINTR and short reads.
Result<size_t> ReadAt(int fd, ByteSpan out, uint64_t offset_bytes,
                      const Failpoint& point = Point<"file.read", CallKind::kRead>());
// Writes all of `in`. Retries EINTR and short writes; on an error an unknown part may have been written.
Status WriteAt(int fd, ByteView in, uint64_t offset_bytes,
               const Failpoint& point = Point<"file.write", CallKind::kWrite>());
// openat with O_CLOEXEC; `mode` is used with O_CREAT only.
Result<UniqueFd> OpenAt(int dir_fd, const std::string& name, int flags, mode_t mode = 0);
// The content of a regular file of at most `size_bytes_max` bytes; kLimit if it is larger.
Result<Bytes> ReadFileAt(int dir_fd, const std::string& name, size_t size_bytes_max);
// Replaces `name` by a file of this content and mode 0600: written as `name`.tmp, fsynced, renamed, directory fsynced.
// After an error or a crash `name` holds the old or the new content, whole.
Status ReplaceFileAt(int dir_fd, const std::string& name, ByteView content);

}  // namespace tdefs
