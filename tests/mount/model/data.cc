// Reading, writing, truncating, and asking for holes.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "tests/mount/model/extents.h"
#include "tests/mount/model/names.h"
#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

constexpr uint64_t kSeekWindow = 64 << 10;

// A buffer that starts on a page, or just behind one, as O_DIRECT callers have it or not.
char* Aligned(std::string& buffer, size_t shift) {
  constexpr size_t kPage = 4096;
  auto address = reinterpret_cast<uintptr_t>(buffer.data());
  return buffer.data() + (kPage - address % kPage) % kPage + shift;
}

void WriteAtOffset(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  uint64_t offset = AnyOffset(world.random, world.PlainSize(slot));
  std::string data = AnyData(world.random, AnyLength(world.random));
  size_t shift = world.random.OneIn(3) ? world.random.Below(16) : 0;
  std::string buffer(data.size() + 8192, '\0');
  char* aligned = Aligned(buffer, shift);
  std::copy(data.begin(), data.end(), aligned);
  bool synced = world.random.OneIn(64);
  world.Note("pwrite {} bytes at {} to {}{}", data.size(), offset, world.slots[index].name,
             synced ? ", RWF_DSYNC" : "");
  world.Both("pwrite", [&](Tree& tree) {
    iovec vector{aligned, data.size()};
    return Returned(pwritev2(tree.file[index].get(), &vector, 1, static_cast<off_t>(offset), synced ? RWF_DSYNC : 0));
  });
  world.CheckBytes(slot, offset, data.size());
  world.CheckAttributes(slot);
}

// write() at the descriptor's own position: the end of the file with O_APPEND.
void WriteAtPosition(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  std::string data = AnyData(world.random, AnyLength(world.random));
  uint64_t size = world.PlainSize(slot);
  if (size > kUsualBytesMax && world.random.OneIn(2)) return;
  world.Note("write {} bytes to {}{}, size {}", data.size(), world.slots[index].name,
             (world.slots[index].flags & O_APPEND) != 0 ? ", O_APPEND" : "", size);
  world.Both("write", [&](Tree& tree) { return Returned(write(tree.file[index].get(), data.data(), data.size())); });
  Outcome position =
      world.Both("position", [&](Tree& tree) { return Returned(lseek(tree.file[index].get(), 0, SEEK_CUR)); });
  auto end = static_cast<uint64_t>(std::max<int64_t>(position.value, 0));
  world.CheckBytes(slot, end - std::min<uint64_t>(end, data.size()), data.size());
  world.CheckAttributes(slot);
}

void ReadAtOffset(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  uint64_t offset = AnyOffset(world.random, world.PlainSize(slot));
  uint64_t length = AnyLength(world.random);
  size_t shift = world.random.OneIn(3) ? world.random.Below(16) : 0;
  world.Note("pread {} bytes at {} of {}", length, offset, world.slots[index].name);
  world.Both("pread", [&](Tree& tree) {
    std::string buffer(length + 8192, '\0');
    char* aligned = Aligned(buffer, shift);
    Outcome outcome = Returned(pread(tree.file[index].get(), aligned, length, static_cast<off_t>(offset)));
    if (outcome.value > 0) outcome.bytes.assign(aligned, static_cast<size_t>(outcome.value));
    return outcome;
  });
}

void SetPosition(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  uint64_t offset = AnyOffset(world.random, std::min(world.PlainSize(slot), kUsualBytesMax));
  int whence = world.random.OneIn(3) ? SEEK_END : SEEK_SET;
  if (whence == SEEK_END) offset = 0;
  world.Note("lseek {} to {} ({})", world.slots[index].name, offset, whence == SEEK_END ? "end" : "set");
  world.Both("lseek",
             [&](Tree& tree) { return Returned(lseek(tree.file[index].get(), static_cast<off_t>(offset), whence)); });
}

void TruncateOpen(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  uint64_t old_size = world.PlainSize(slot);
  uint64_t size = AnySize(world.random, old_size);
  world.Note("ftruncate {} from {} to {}", world.slots[index].name, old_size, size);
  world.Both("ftruncate",
             [&](Tree& tree) { return Returned(ftruncate(tree.file[index].get(), static_cast<off_t>(size))); });
  world.CheckBytes(slot, std::min(size, old_size), size > old_size ? size - old_size : 0);
  world.CheckBytes(slot, size, 0);
  world.CheckAttributes(slot);
}

void TruncateByName(World& world) {
  std::string name = LikelyName(world, S_IFREG);
  uint64_t size = AnySize(world.random, world.random.Below(kUsualBytesMax));
  world.Note("truncate {} to {}", name, size);
  world.Both("truncate",
             [&](Tree& tree) { return Returned(truncate(tree.Absolute(name).c_str(), static_cast<off_t>(size))); });
}

// The answers of SEEK_DATA and SEEK_HOLE may differ between filesystems; they must be possible, and a hole is zeros.
void AskForHoles(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  uint64_t size = world.PlainSize(slot);
  auto offset = static_cast<off_t>(AnyOffset(world.random, size));
  world.Note("seek hole and data from {} of {}, size {}", offset, world.slots[index].name, size);
  int fd = world.mount.reader[index].get();
  off_t data = lseek(fd, offset, SEEK_DATA);
  int data_error = errno;
  off_t hole = lseek(fd, offset, SEEK_HOLE);
  int hole_error = errno;
  auto end = static_cast<off_t>(size);
  if (offset >= end) {
    if (data >= 0 || data_error != ENXIO) world.Fail("SEEK_DATA at or beyond the end is not ENXIO");
    if (hole >= 0 || hole_error != ENXIO) world.Fail("SEEK_HOLE at or beyond the end is not ENXIO");
    return;
  }
  if (data < 0 && data_error != ENXIO) world.Fail("SEEK_DATA fails with another error than ENXIO");
  if (data >= 0 && (data < offset || data >= end)) world.Fail("SEEK_DATA answers outside the file");
  if (hole < offset || hole > end) world.Fail("SEEK_HOLE answers outside the file");
  off_t zero_end = data < 0 ? end : data;
  std::string zeros(static_cast<size_t>(std::min<off_t>(zero_end - offset, kSeekWindow)), '\0');
  std::string found(zeros.size(), 'x');
  if (pread(world.plain.reader[index].get(), found.data(), found.size(), offset) !=
      static_cast<ssize_t>(zeros.size())) {
    world.Fail("pread of the plain file is short");
  }
  if (found != zeros) world.Fail(fmt::format("SEEK_DATA says {}, but there is data before it", data));
}

constexpr Operation kOperations[] = {
    {"pwrite", 16, WriteAtOffset}, {"write", 8, WriteAtPosition},  {"pread", 8, ReadAtOffset},
    {"lseek", 2, SetPosition},     {"ftruncate", 5, TruncateOpen}, {"truncate", 3, TruncateByName},
    {"seek_hole", 3, AskForHoles},
};

}  // namespace

std::span<const Operation> DataOperations() {
  return kOperations;
}

}  // namespace tdefs::model
