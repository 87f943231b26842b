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

// Returns once what the cache holds before `end` is written: whatever the filesystem's journal commits from here on, it
// is there. All of it, since a page that is written alone takes the size with it (XFS), ahead of the pages before it:
// so this goes before whatever makes the filesystem write pages out of their order, direct requests among it. It costs
// next to nothing where the cache holds nothing dirty.
Status OpenFile::WriteCachedBefore(uint64_t end) {
  constexpr unsigned kWritten = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  const int result = Point<"content.sync-tail", CallKind::kSync>().Run(
      [&] { return ::sync_file_range(fd_.get(), 0, static_cast<off_t>(end), kWritten); });
  if (result != 0) return FailErrno();
  return {};
}

// The unit in which the file is about to end is data, but perhaps in memory only, and on the disk still a hole: it is
// written, so that no power cut finds the smaller size without it.
Status OpenFile::SyncTail(uint64_t size) {
  if (!key_.cipher || IsAligned(size, kUnitBytes)) return {};
  TRY(WriteCachedBefore(AlignUp(size, kUnitBytes)));
  return NoteZeroTail(size, {}, size);
}

// `stored` is about to be written at `offset`: if the unit in which the file then ends will be zero, that is noted.
// What `stored` does not cover of that unit is read.
Status OpenFile::NoteZeroTail(uint64_t offset, ByteView stored, uint64_t end) {
  const uint64_t unit = AlignDown(end, kUnitBytes), stored_end = offset + stored.size();
  if (unit == end || !key_.cipher) return {};
  const uint64_t from = std::clamp(offset, unit, end), to = std::clamp(stored_end, unit, end);
  const ByteView given = from < to ? stored.subspan(from - offset, to - from) : ByteView();
  if (!std::ranges::all_of(given, [](std::byte byte) { return byte == std::byte{0}; })) return {};
  std::array<std::byte, kUnitBytes> tail{};
  if (given.size() < end - unit) {
    TRY(ReadAt(fd_.get(), ByteSpan(tail).first(end - unit), unit, Point<"content.read-unit", CallKind::kRead>()));
    if (from < to) std::ranges::copy(given, tail.begin() + static_cast<ptrdiff_t>(from - unit));
  }
  if (!IsZero(tail)) return {};
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
  if (unit == size || !key_.cipher || !writable_) return {};
  std::array<std::byte, kUnitBytes> stored{};
  TRY(ReadAt(fd_.get(), ByteSpan(stored).first(size - unit), unit, Point<"content.read-tail", CallKind::kRead>()));
  if (!IsZero(stored) || TRY(ZeroTailIsNoted())) return {};
  return WriteZeros(unit, size);
}

}  // namespace tdefs
