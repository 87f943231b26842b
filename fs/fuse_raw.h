// The parts of the FUSE protocol that libfuse 3.14 does not speak: read from raw requests, answered with raw replies.
// Numbers from <linux/fuse.h>, protocol 7.38.
#pragma once

#include <sys/uio.h>

#include "base/bytes.h"
#include "fs/volume.h"

namespace tdefs {

// What of a raw request matters here.
struct RawRequest {
  bool is_init = false;
  bool is_unnamed_create = false;  // FUSE_TMPFILE
  bool kill_set_id = false;        // asks for set-id bits to be cleared
  uint32_t init_flags = 0;         // what the kernel offers, of INIT
};
RawRequest ReadRawRequest(ByteView request);

// Adds to libfuse's answer to INIT what we do and the kernel offers; `reply` is the whole answer, header first.
void ExtendInitReply(struct iovec* reply, int count, uint32_t offered);

// Carries out a FUSE_TMPFILE request and writes the answer to `fd`.
void AnswerUnnamedCreate(ByteView request, Volume& volume, double cache_timeout_s, int fd);

}  // namespace tdefs
