#include "fs/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/failpoint.h"
#include "base/file_io.h"
#include "fs/magic_link.h"

namespace tdefs {
namespace {

// Ciphertext is handled in pieces that stay in the second-level cache between the copy and the cipher.
constexpr size_t kChunkBytes = 128 << 10;
constexpr uint64_t kOffsetMax = std::numeric_limits<off_t>::max();

// What was written is worth more than why the rest was not: the next write will tell.
Result<size_t> WriteSome(int fd, ByteView data, uint64_t offset) {
  size_t done = 0;
  while (done < data.size()) {
    ssize_t n = Point<"content.write", CallKind::kWrite>().Transfer(data.size() - done, [&](size_t size) {
      return ::pwrite(fd, data.data() + done, size, static_cast<off_t>(offset + done));
    });
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0) return FailErrno();
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace

Result<std::shared_ptr<OpenFile>> OpenFile::Create(UniqueFd fd, bool writable, ContentKey key,
                                                   VolumeStatistics& statistics) {
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno();
  return std::shared_ptr<OpenFile>(
      new OpenFile(std::move(fd), writable, std::move(key), static_cast<uint64_t>(attributes.st_size), statistics));
}

FileRecord OpenFile::record() const {
  std::shared_lock lock(mutex_);
  return key_.record;
}

bool OpenFile::unused() const {
  std::shared_lock lock(mutex_);
  return key_.unused && size_bytes() == 0;
}

int OpenFile::DirectFd() {
  std::call_once(direct_once_, [this] {
    const int flags = (writable_ ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC;
    direct_fd_.Reset(::open(MagicLink(fd_.get()).c_str(), flags));
  });
  return direct_fd_.get();
}

Result<ByteView> OpenFile::Read(uint64_t offset, size_t size, bool direct, IoBuffer& buffer) {
  std::shared_lock lock(mutex_);
  const uint64_t file_size = size_bytes();
  if (offset >= file_size) return ByteView();
  const uint64_t end = std::min(file_size, offset + std::min<uint64_t>(size, kOffsetMax - offset));
  // Holes are told by whole units, so whole units are read.
  const uint64_t from = AlignDown(offset, kUnitBytes);
  const uint64_t to = std::min(file_size, AlignUp(end, kUnitBytes));
  ByteSpan stored = buffer.Reserve(AlignUp(to - from, kPageBytes)).first(to - from);
  const size_t found = TRY(ReadStored(from, stored, direct));
  statistics_.reads.fetch_add(1, std::memory_order_relaxed);
  statistics_.read_bytes.fetch_add(end - offset, std::memory_order_relaxed);
  const uint64_t skip = offset - from;
  if (found <= skip) return ByteView();
  return ByteView(stored).subspan(skip, std::min<uint64_t>(found - skip, end - offset));
}

Result<size_t> OpenFile::ReadStored(uint64_t offset, ByteSpan out, bool direct) {
  const Failpoint& point = Point<"content.read", CallKind::kRead>();
  const int direct_fd = direct && IsAligned(offset, kPageBytes) ? DirectFd() : -1;
  if (direct_fd >= 0 && key_.cipher) TRY(WriteCachedBefore(offset + out.size()));
  size_t done = 0;
  while (done < out.size()) {
    const size_t wanted = std::min(kChunkBytes, out.size() - done);
    size_t n = 0;
    if (direct_fd >= 0) {
      // The buffer is whole pages; past the end of the file the kernel returns less than was asked for.
      ssize_t got = Point<"content.read-direct", CallKind::kOther>().Run([&] {
        return ::pread(direct_fd, out.data() + done, AlignUp(wanted, kPageBytes), static_cast<off_t>(offset + done));
      });
      if (got > 0) n = std::min(static_cast<size_t>(got), wanted);
      if (n < wanted) n += TRY(ReadAt(fd_.get(), out.subspan(done + n, wanted - n), offset + done + n, point));
    } else {
      n = TRY(ReadAt(fd_.get(), out.subspan(done, wanted), offset + done, point));
    }
    if (key_.cipher) key_.cipher->Decrypt(key_.record.iv, offset + done, out.subspan(done, n));
    done += n;
    if (n < wanted) break;
  }
  return done;
}

Result<size_t> OpenFile::Write(uint64_t offset, ByteSpan data, bool direct) {
  if (data.empty()) return 0;
  if (offset > kOffsetMax || data.size() > kOffsetMax - offset) return FailErrno(EFBIG);
  const uint64_t end = offset + data.size();
  auto count = [&](size_t written, uint64_t old_size, bool encrypted) {
    statistics_.writes.fetch_add(1, std::memory_order_relaxed);
    statistics_.written_bytes.fetch_add(written, std::memory_order_relaxed);
    if (encrypted && offset < old_size) {
      statistics_.ctr_overwritten_bytes.fetch_add(std::min<uint64_t>(written, old_size - offset),
                                                  std::memory_order_relaxed);
    }
  };
  const bool whole_units = IsAligned(offset, kUnitBytes) && IsAligned(end, kUnitBytes);
  {
    std::shared_lock lock(mutex_);
    if (end <= size_bytes() && (whole_units || !key_.cipher)) {
      const size_t written = TRY(WriteContent(offset, data, direct));
      count(written, size_bytes(), key_.cipher != nullptr);
      return written;
    }
  }
  std::unique_lock lock(mutex_);
  const uint64_t old_size = size_bytes();
  TRY(UseKey());
  if (key_.cipher) {
    if (offset > old_size) {
      TRY(GrowTo(offset));
    } else {
      TRY(MaterialiseUnit(offset));
    }
    if (end < old_size) TRY(MaterialiseUnit(end));
  }
  const TailOrder order(*this, end);
  auto written = WriteContent(offset, data, direct);
  if (!written) {
    ShrinkBack(old_size);
    return written;
  }
  if (offset + *written > size_bytes()) size_bytes_ = offset + *written;
  count(*written, old_size, key_.cipher != nullptr);
  return written;
}

Result<size_t> OpenFile::WriteContent(uint64_t offset, ByteSpan data, bool direct) {
  if (direct && IsAligned(offset, kPageBytes) && IsAligned(data.size(), kPageBytes) && DirectFd() >= 0) {
    return WriteDirect(DirectFd(), offset, data);
  }
  if (key_.cipher) {
    key_.cipher->Encrypt(key_.record.iv, offset, data, data);
    const uint64_t file_end = std::max(size_bytes(), offset + data.size());
    if (offset + data.size() > AlignDown(file_end, kUnitBytes)) TRY(NoteZeroTail(offset, data, file_end));
  }
  return WriteSome(fd_.get(), data, offset);
}

// The request's memory is not aligned as O_DIRECT wants it; encrypting from there to an aligned buffer costs no copy
// more than encrypting in place.
Result<size_t> OpenFile::WriteDirect(int direct_fd, uint64_t offset, ByteView data) {
  thread_local IoBuffer buffer;
  ByteSpan aligned = buffer.Reserve(data.size());
  if (key_.cipher) {
    key_.cipher->Encrypt(key_.record.iv, offset, data, aligned);
  } else {
    std::ranges::copy(data, aligned.begin());
  }
  if (key_.cipher) TRY(WriteCachedBefore(offset + data.size()));
  auto written = WriteSome(direct_fd, aligned, offset);
  if (!written && written.error().sys_errno == EINVAL) return WriteSome(fd_.get(), aligned, offset);
  return written;
}

Result<uint64_t> OpenFile::Seek(uint64_t offset, int whence) {
  std::shared_lock lock(mutex_);
  const off_t found = ::lseek(fd_.get(), static_cast<off_t>(offset), whence);
  if (found < 0) return FailErrno();
  return static_cast<uint64_t>(found);
}

Status OpenFile::Sync(bool data_only, uint64_t& errors_seen) {
  const int result = Point<"content.sync", CallKind::kSync>().Run(
      [&] { return data_only ? ::fdatasync(fd_.get()) : ::fsync(fd_.get()); });
  const int error = result == 0 ? 0 : errno;
  statistics_.syncs.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard lock(sync_mutex_);
  if (error != 0) {
    ++sync_errors_;
    last_sync_errno_ = error;
  }
  if (errors_seen == sync_errors_) return {};
  errors_seen = sync_errors_;
  return FailErrno(last_sync_errno_);
}

uint64_t OpenFile::errors() const {
  std::lock_guard lock(sync_mutex_);
  return sync_errors_;
}

}  // namespace tdefs
