// Writing many changes into few records: what a compaction puts into a new log.
#pragma once

#include <atomic>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/file_tree.h"
#include "keys/log_change.h"
#include "keys/log_writer.h"

namespace tdefs {

// Collects changes and appends them as records of about kBodyBytes each.
class LogPacker {
 public:
  explicit LogPacker(LogWriter& log) : log_(log) {}
  // Requires: the change is of a listing, so that it is small.
  Status Add(const LogChange& change);
  Status AddEncoded(ByteView change);
  // Appends what is still held.
  Status Finish();

 private:
  static constexpr size_t kBodyBytes = 32 << 10;
  LogWriter& log_;
  ByteWriter body_;
};

// Appends a listing of the whole tree. Gives up with EINTR once `stop` is set.
Status WriteLogListing(const FileTreeSnapshot& tree, LogWriter& log, const std::atomic<bool>& stop);

}  // namespace tdefs
