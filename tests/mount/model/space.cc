// Space and pages: fallocate in its modes, shared and private mappings, copy_file_range.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/mount/model/extents.h"
#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMapPagesMax = 24;

void Allocate(World& world) {
  static constexpr std::array kModes = {0,
                                        FALLOC_FL_KEEP_SIZE,
                                        FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                        FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                        FALLOC_FL_ZERO_RANGE,
                                        FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  int mode = world.random.Pick(kModes);
  uint64_t old_size = world.PlainSize(slot);
  uint64_t offset = AnyOffset(world.random, old_size);
  uint64_t length = AnyLength(world.random);
  world.Note("fallocate mode {:#x} {} bytes at {} of {}, size {}", mode, length, offset, world.slots[index].name,
             old_size);
  world.Both("fallocate", [&](Tree& tree) {
    return Returned(fallocate(tree.file[index].get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)));
  });
  world.CheckBytes(slot, offset, length);
  world.CheckBytes(slot, old_size, 0);
  world.CheckAttributes(slot);
}

struct Window {
  uint64_t offset = 0;  // page-aligned
  uint64_t length = 0;  // mapped bytes; may reach beyond the end of the file within its last page
  uint64_t used = 0;    // of these, bytes inside the file
};

// A window of the slot's file to map; used == 0 if the file is empty.
Window AnyWindow(World& world, int slot) {
  uint64_t size = world.PlainSize(slot);
  if (size == 0) return {};
  uint64_t offset = world.random.Below(size) / kPage * kPage;
  uint64_t length = std::min((size - offset + kPage - 1) / kPage, world.random.Between(1, kMapPagesMax)) * kPage;
  return {offset, length, std::min(length, size - offset)};
}

void ReadMapped(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  Window window = AnyWindow(world, slot);
  if (window.used == 0) return;
  bool through_reader = world.random.OneIn(2);
  int kind = world.random.OneIn(2) ? MAP_SHARED : MAP_PRIVATE;
  world.Note("mmap read {} bytes at {} of {}", window.length, window.offset, world.slots[index].name);
  world.Both("mmap read", [&](Tree& tree) {
    int fd = through_reader ? tree.reader[index].get() : tree.file[index].get();
    void* map = mmap(nullptr, window.length, PROT_READ, kind, fd, static_cast<off_t>(window.offset));
    if (map == MAP_FAILED) return Returned(-1);
    Outcome outcome{0, 0, std::string(static_cast<const char*>(map), window.length)};
    munmap(map, window.length);
    return outcome;
  });
}

void WriteMapped(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  Window window = AnyWindow(world, slot);
  if (window.used == 0) return;
  bool shared = !world.random.OneIn(4);
  bool synced = world.random.OneIn(3);
  uint64_t begin = world.random.Below(window.used);
  std::string data = AnyData(world.random, world.random.Between(1, window.used - begin));
  world.Note("mmap {} store of {} bytes at {} of {}{}", shared ? "shared" : "private", data.size(),
             window.offset + begin, world.slots[index].name, synced ? ", msync" : "");
  world.Both("mmap store", [&](Tree& tree) {
    void* map = mmap(nullptr, window.length, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE,
                     tree.file[index].get(), static_cast<off_t>(window.offset));
    if (map == MAP_FAILED) return Returned(-1);
    std::copy(data.begin(), data.end(), static_cast<char*>(map) + begin);
    Outcome outcome = Returned(synced ? msync(map, window.length, MS_SYNC) : 0);
    munmap(map, window.length);
    return outcome;
  });
  world.CheckBytes(slot, window.offset + begin, data.size());
  world.CheckAttributes(slot);
}

void CopyRange(World& world) {
  int from = world.PickOpen();
  int to = world.PickOpen();
  if (from < 0 || to < 0) return;
  auto from_index = static_cast<size_t>(from);
  auto to_index = static_cast<size_t>(to);
  uint64_t from_offset = AnyOffset(world.random, world.PlainSize(from));
  uint64_t to_offset = AnyOffset(world.random, world.PlainSize(to));
  uint64_t length = AnyLength(world.random);
  world.Note("copy_file_range {} bytes from {} at {} to {} at {}", length, world.slots[from_index].name, from_offset,
             world.slots[to_index].name, to_offset);
  world.Both("copy_file_range", [&](Tree& tree) {
    auto in = static_cast<off64_t>(from_offset);
    auto out = static_cast<off64_t>(to_offset);
    Outcome total;
    for (uint64_t left = length; left > 0;) {
      ssize_t copied = copy_file_range(tree.file[from_index].get(), &in, tree.file[to_index].get(), &out, left, 0);
      if (copied < 0) return Returned(copied);
      if (copied == 0) break;
      left -= static_cast<uint64_t>(copied);
      total.value += copied;
    }
    return total;
  });
  world.CheckBytes(to, to_offset, length);
  world.CheckAttributes(to);
}

constexpr Operation kOperations[] = {
    {"fallocate", 6, Allocate},
    {"mmap_read", 3, ReadMapped},
    {"mmap_write", 4, WriteMapped},
    {"copy_file_range", 2, CopyRange},
};

}  // namespace

std::span<const Operation> SpaceOperations() {
  return kOperations;
}

}  // namespace tdefs::model
