// FileHandle: one open(2) of a file.
#pragma once

#include <memory>
#include <mutex>

#include "fs/inode.h"
#include "fs/open_file.h"
#include "fs/statistics.h"

namespace tdefs {

struct FileHandle {
  FileHandle(InodePtr of, std::shared_ptr<OpenFile> content, bool direct_io, VolumeStatistics& counters)
      : inode(std::move(of)),
        file(std::move(content)),
        direct(direct_io),
        errors_seen(file->errors()),
        statistics(counters) {
    statistics.open_files.fetch_add(1, std::memory_order_relaxed);
  }
  ~FileHandle() { statistics.open_files.fetch_sub(1, std::memory_order_relaxed); }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;

  const InodePtr inode;
  const std::shared_ptr<OpenFile> file;
  const bool direct;  // O_DIRECT
  std::mutex mutex;
  uint64_t errors_seen;  // failed syncs this handle was told of (R7); guarded by mutex
  VolumeStatistics& statistics;
};

}  // namespace tdefs
