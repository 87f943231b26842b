// The part of OpenFile that changes where a file has content: size, holes, allocation.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/failpoint.h"
#include "base/file_io.h"
#include "fs/open_file.h"

namespace tdefs {
namespace {

// ftruncate and fallocate: false and errno on failure.
template <PointName kName>
bool Truncate(int fd, uint64_t size) {
  return Point<kName, CallKind::kSize>().Run([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) == 0;
}

template <PointName kName>
bool Fallocate(int fd, int mode, uint64_t offset, uint64_t length) {
  return Point<kName, CallKind::kSize>().Run(
             [&] { return ::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)); }) == 0;
}

}  // namespace

// On ext4 a file that grows within its last block may have its new size on the disk before the bytes: the journal
// commits the one, and the other is written when the cache sees fit. Where a program would find zeros after a power
// cut, we would find keystream, wherever the growth does not begin and end with a unit. A block that was zeroed in part
// is written before the transaction that it belongs to; so a byte behind the end is zeroed, before and after the
// growth: whichever transaction takes the size, takes one of the two. Best effort: no program asked for it, so it
// cannot fail.
OpenFile::TailOrder::TailOrder(OpenFile& file, uint64_t end) : file_(file), begin_(file.size_bytes()) {
  const bool inside_a_block = end > begin_ && !IsAligned(begin_, kPageBytes);
  const bool parts_units = !IsAligned(begin_, kUnitBytes) || !IsAligned(end, kUnitBytes);
  needed_ = file.key_.cipher && inside_a_block && parts_units && file.SizeRunsAhead();
  if (needed_) file_.ZeroBehind(begin_);
}

OpenFile::TailOrder::~TailOrder() {
  if (!needed_) return;
  const uint64_t end = file_.size_bytes(), block = AlignDown(begin_, kPageBytes);
  if (end < block + kPageBytes) {
    file_.ZeroBehind(end);
  } else {  // a full block, which changes no more: it may as well be written now
    (void)::sync_file_range(file_.fd_.get(), static_cast<off_t>(block), kPageBytes, SYNC_FILE_RANGE_WRITE);
  }
}

void OpenFile::ZeroBehind(uint64_t end) {
  (void)Fallocate<"content.order-tail">(fd_.get(), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, end, 1);
}

bool OpenFile::SizeRunsAhead() {
  if (!size_runs_ahead_) {
    struct statfs filesystem;
    size_runs_ahead_ = ::fstatfs(fd_.get(), &filesystem) == 0 && filesystem.f_type == EXT4_SUPER_MAGIC;
  }
  return *size_runs_ahead_;
}

// A crash between this and what follows leaves a unit that reads as zeros, as it did before.
Status OpenFile::MaterialiseUnit(uint64_t position) {
  const uint64_t unit = AlignDown(position, kUnitBytes);
  if (unit == position || unit + kUnitBytes > size_bytes()) return {};
  std::array<std::byte, kUnitBytes> stored;
  if (TRY(ReadAt(fd_.get(), stored, unit, Point<"content.read-unit", CallKind::kRead>())) < kUnitBytes ||
      !IsZero(stored))
    return {};
  return WriteZeros(unit, unit + kUnitBytes);
}

// Writes the encryption of zeros; at most a unit.
Status OpenFile::WriteZeros(uint64_t from, uint64_t to) {
  std::array<std::byte, kUnitBytes> zeros;
  ByteSpan range(zeros.data(), to - from);
  key_.cipher->EncryptZeros(key_.record.iv, from, range);
  const TailOrder order(*this, to);
  TRY(WriteAt(fd_.get(), range, from, Point<"content.write-zeros", CallKind::kWrite>()));
  if (to > size_bytes()) size_bytes_ = to;
  return {};
}

// Zeros the plaintext of a part of one unit; a hole is zero already and must stay whole.
Status OpenFile::ZeroInsideUnit(uint64_t from, uint64_t to) {
  const uint64_t unit = AlignDown(from, kUnitBytes);
  if (unit + kUnitBytes <= size_bytes()) {
    std::array<std::byte, kUnitBytes> stored;
    TRY(ReadAt(fd_.get(), stored, unit, Point<"content.read-unit", CallKind::kRead>()));
    if (IsZero(stored)) return {};
  }
  return WriteZeros(from, to);
}

// Prepares growth up to `to`, where content or the new end will be: first the rest of the unit in which the file ends,
// then the beginning of the unit in which `to` lies. The order matters: the other one could show keystream after a
// crash, this one at most a few zeros too many.
Status OpenFile::FillGap(uint64_t to) {
  const uint64_t size = size_bytes();
  if (to <= size) return {};
  const uint64_t next_unit = AlignUp(size, kUnitBytes);
  if (size != next_unit) TRY(WriteZeros(size, std::min(next_unit, to)));
  // What follows is in another page, and a filesystem may have that, and the new size, on the disk before this one.
  if (size != next_unit && to >= AlignUp(size, kPageBytes)) TRY(WriteCachedBefore(next_unit));
  const uint64_t last_unit = AlignDown(to, kUnitBytes);
  if (last_unit >= next_unit && last_unit != to) TRY(WriteZeros(last_unit, to));
  return {};
}

// What a full disk or a limit stops leaves the file as long as it was. Requires: it has not become shorter.
void OpenFile::ShrinkBack(uint64_t old_size) {
  if (size_bytes() != old_size && Truncate<"content.undo-growth">(fd_.get(), old_size)) size_bytes_ = old_size;
}

Status OpenFile::GrowTo(uint64_t size) {
  const uint64_t old_size = size_bytes();
  Status grown = FillGap(size);
  if (!grown) ShrinkBack(old_size);
  return grown;
}

Status OpenFile::UseKey() {
  if (spent_errno_ != 0) return FailErrno(spent_errno_);
  key_.unused = false;
  return {};
}

Status OpenFile::Resize(uint64_t size) {
  std::unique_lock lock(mutex_);
  return ResizeLocked(size);
}

Status OpenFile::ResizeLocked(uint64_t size) {
  if (size > 0) TRY(UseKey());
  const uint64_t old_size = size_bytes();
  if (key_.cipher) {
    if (size > old_size) {
      TRY(GrowTo(size));
    } else {
      TRY(MaterialiseUnit(size));
      if (size < size_bytes()) TRY(SyncTail(size));
    }
  }
  if (!Truncate<"content.truncate">(fd_.get(), size)) {
    const int error = errno;
    ShrinkBack(old_size);
    return FailErrno(error);
  }
  size_bytes_ = size;
  return {};
}

Status OpenFile::Empty(ContentKey key, const std::function<Status()>& persist) {
  std::unique_lock lock(mutex_);
  if (size_bytes() != 0 && !Truncate<"content.empty">(fd_.get(), 0)) return FailErrno();
  size_bytes_ = 0;
  if (Status persisted = persist(); !persisted) {
    spent_errno_ = persisted.error().Errno();
    return persisted;
  }
  key_ = std::move(key);
  spent_errno_ = 0;
  return {};
}

Status OpenFile::Allocate(int mode, uint64_t offset, uint64_t length) {
  const auto end = CheckedAdd(static_cast<int64_t>(offset), static_cast<int64_t>(length));
  if (!end || static_cast<int64_t>(offset) < 0 || static_cast<int64_t>(length) <= 0) return FailErrno(EINVAL);
  const uint64_t to = static_cast<uint64_t>(*end);
  std::unique_lock lock(mutex_);
  switch (mode) {
    case FALLOC_FL_KEEP_SIZE:
    case 0:
      if (!Fallocate<"content.allocate">(fd_.get(), FALLOC_FL_KEEP_SIZE, offset, length)) return FailErrno();
      if (mode == 0 && to > size_bytes()) return ResizeLocked(to);
      return {};
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
      return ZeroRangeLocked(mode, offset, to);
    case FALLOC_FL_ZERO_RANGE:
      TRY(ZeroRangeLocked(mode | FALLOC_FL_KEEP_SIZE, offset, to));
      if (to > size_bytes()) return ResizeLocked(to);
      return {};
    default:
      return FailErrno(EOPNOTSUPP);
  }
}

// Whole units go to the backing call; parts of units become the encryption of zeros, and so does all of the partial
// unit at the end of the file, which must stay data.
Status OpenFile::ZeroRangeLocked(int mode, uint64_t from, uint64_t to) {
  auto zero_backing = [&](uint64_t begin, uint64_t end) -> Status {
    if (begin >= end) return {};
    if (key_.cipher) TRY(WriteCachedBefore(end));  // XFS writes the pages of the range first
    if (!Fallocate<"content.zero-range">(fd_.get(), mode, begin, end - begin)) return FailErrno();
    return {};
  };
  const uint64_t size = size_bytes();
  if (!key_.cipher || from >= size) {
    // Past the end there is no content; but the backing call must not touch the unit in which the file ends.
    return zero_backing(key_.cipher ? std::max(from, std::min(to, AlignUp(size, kUnitBytes))) : from, to);
  }
  const uint64_t end = std::min(to, size);
  const uint64_t first_whole = std::min(AlignUp(from, kUnitBytes), end);
  const uint64_t last_whole = std::max(AlignDown(end, kUnitBytes), first_whole);
  if (first_whole < last_whole) TRY(zero_backing(first_whole, last_whole));
  if (from < first_whole) TRY(ZeroInsideUnit(from, first_whole));
  if (last_whole < end) TRY(ZeroInsideUnit(last_whole, end));
  TRY(zero_backing(AlignUp(size, kUnitBytes), to));
  // Parts of holes change nothing below, but for the program this is a change of the file.
  const struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  if (Point<"content.touch", CallKind::kAttribute>().Run([&] { return ::futimens(fd_.get(), times); }) != 0) {
    return FailErrno();
  }
  return {};
}

}  // namespace tdefs
