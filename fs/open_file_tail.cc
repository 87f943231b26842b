// The part of OpenFile that keeps R10 where a file ends inside a unit and power may be lost: the size on the disk must
// not be there without the data of that unit, or must be mended.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/failpoint.h"
#include "base/file_io.h"
#include "crypto/zero_units.h"
#include "fs/open_file.h"

namespace tdefs {
namespace {

// What kTailXattrName holds: the IV, so that a note from before the file was emptied means nothing, and the size.
Bytes TailNote(const FileRecord& record, uint64_t size) {
  ByteWriter note;
  note.PutBytes(record.iv);
  note.Put(size);
  return note.Take();
}

}  // namespace

// Returns once the unit is written: whatever the filesystem's journal commits from here on, the unit is there.
Status OpenFile::SyncUnit(uint64_t position) {
  constexpr unsigned kWritten = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  const auto unit = static_cast<off_t>(AlignDown(position, kUnitBytes));
  const int result = Point<"content.sync-tail", CallKind::kSync>().Run(
      [&] { return ::sync_file_range(fd_.get(), unit, kUnitBytes, kWritten); });
  if (result != 0) return FailErrno();
  return {};
}

// The unit in which the file is about to end is data, but perhaps in memory only, and on the disk still a hole: it is
// written, so that no power cut finds the smaller size without it.
Status OpenFile::SyncTail(uint64_t size) {
  if (!key_.cipher || IsAligned(size, kUnitBytes)) return {};
  TRY(SyncUnit(size));
  return NoteZeroTail(size, {});
}

// The file is about to end at `end`, inside a unit, with `stored` as its last ciphertext: if all of that unit is zero,
// that is noted. What `stored` does not cover of the unit is read.
Status OpenFile::NoteZeroTail(uint64_t end, ByteView stored) {
  const uint64_t unit = AlignDown(end, kUnitBytes);
  if (unit == end || !key_.cipher || (!stored.empty() && stored.back() != std::byte{0})) return {};
  std::array<std::byte, kUnitBytes> tail{};
  const size_t given = std::min<size_t>(stored.size(), end - unit);
  const ByteSpan rest = ByteSpan(tail).first(end - unit - given);
  if (!rest.empty()) TRY(ReadAt(fd_.get(), rest, unit, Point<"content.read-unit", CallKind::kRead>()));
  std::ranges::copy(stored.last(given), tail.begin() + static_cast<ptrdiff_t>(rest.size()));
  if (!IsZero(tail) || !SizeRunsAhead()) return {};
  const Bytes note = TailNote(key_.record, end);
  const int result = Point<"content.note-tail", CallKind::kAttribute>().Run(
      [&] { return ::fsetxattr(fd_.get(), kTailXattrName, note.data(), note.size(), 0); });
  if (result != 0) return FailErrno(errno, "note of a tail that is zero");
  return {};
}

Result<bool> OpenFile::ZeroTailIsNoted() const {
  const Bytes expected = TailNote(key_.record, size_bytes());
  std::array<std::byte, kUnitBytes + sizeof(uint64_t) + 1> note;
  const ssize_t size = Point<"content.read-tail-note", CallKind::kAttribute>().Run(
      [&] { return ::fgetxattr(fd_.get(), kTailXattrName, note.data(), note.size()); });
  if (size < 0 && errno == ENODATA) return false;
  if (size < 0) return FailErrno(errno, "read of the note of a tail that is zero");
  return std::ranges::equal(ByteView(note).first(static_cast<size_t>(size)), expected);
}

Status OpenFile::HealTail() {
  std::unique_lock lock(mutex_);
  const uint64_t size = size_bytes();
  const uint64_t unit = AlignDown(size, kUnitBytes);
  if (unit == size || !key_.cipher || !writable_ || !SizeRunsAhead()) return {};
  const uint64_t block = AlignDown(size, kPageBytes);
  Bytes stored(size - block);
  TRY(ReadAt(fd_.get(), stored, block, Point<"content.read-tail", CallKind::kRead>()));
  if (!IsZero(stored) || TRY(ZeroTailIsNoted())) return {};
  return WriteZeros(unit, size);
}

}  // namespace tdefs
