// Opening, closing and syncing files, with and without a name.
#include <fcntl.h>
#include <unistd.h>

#include "tests/mount/model/names.h"
#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

bool IsRegular(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// O_DIRECT reaches the mount only: ext4 refuses what is not aligned, we must not. Nor does it reach what is no regular
// file: the kernel refuses O_DIRECT on a FIFO of any FUSE filesystem before we are asked.
int FlagsFor(const Tree& tree, const std::string& name, int flags) {
  struct stat status {};
  const bool other = fstatat(tree.root.get(), name.c_str(), &status, 0) == 0 && !S_ISREG(status.st_mode);
  return tree.is_mount && !other ? flags : flags & ~O_DIRECT;
}

// Opens in both trees into a fresh slot.
void OpenBoth(World& world, const char* what, const std::string& name, int flags, mode_t mode) {
  int slot = world.PickFree();
  auto index = static_cast<size_t>(slot);
  Outcome opened = world.Both(what, [&](Tree& tree) {
    int own_flags = FlagsFor(tree, name, flags);
    tree.file[index].Reset(openat(tree.root.get(), name.c_str(), own_flags | O_CLOEXEC | O_NONBLOCK, mode));
    return Returned(tree.file[index] ? 0 : -1);
  });
  if (opened.value < 0) return;
  if (!IsRegular(world.plain.file[index].get())) return world.CloseSlot(slot);
  Outcome reader = world.Both("reopen through /proc", [&](Tree& tree) {
    std::string link = fmt::format("/proc/self/fd/{}", tree.file[index].get());
    tree.reader[index].Reset(open(link.c_str(), O_RDONLY | O_CLOEXEC));
    return Returned(tree.reader[index] ? 0 : -1);
  });
  if (reader.value < 0) return world.CloseSlot(slot);
  world.slots[index] = {true, flags, name};
  world.CheckAttributes(slot);
}

int AnyFlags(World& world) {
  static constexpr int kAccess[] = {O_RDWR, O_RDWR, O_RDWR, O_RDWR, O_WRONLY, O_RDONLY};
  int flags = kAccess[world.random.Below(std::size(kAccess))];
  if (world.random.OneIn(6)) flags |= O_APPEND;
  if (world.random.OneIn(5) && world.use_direct) flags |= O_DIRECT;
  if (world.random.OneIn(24)) flags |= O_DSYNC;
  return flags;
}

void Open(World& world) {
  int flags = AnyFlags(world);
  std::string name = world.random.OneIn(3) ? AnyName(world) : LikelyName(world, S_IFREG);
  if (!world.random.OneIn(3)) flags |= O_CREAT;
  if (world.random.OneIn(12)) flags |= O_EXCL;
  if (world.random.OneIn(8)) flags |= O_TRUNC;
  auto mode = static_cast<mode_t>(world.random.OneIn(3) ? world.random.Below(07777 + 1) : 0644);
  world.Note("open {} flags {:#o} mode {:o}", name, flags, mode);
  OpenBoth(world, "open", name, flags, mode);
}

void OpenUnnamed(World& world) {
  std::string directory = LikelyDirectory(world);
  int flags = O_TMPFILE | O_RDWR | (world.random.OneIn(4) ? O_EXCL : 0);
  world.Note("open O_TMPFILE in {}", directory);
  OpenBoth(world, "open O_TMPFILE", directory, flags, 0640);
}

void LinkOpen(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  std::string name = AnyName(world);
  world.Note("linkat of the open {} as {}", world.slots[static_cast<size_t>(slot)].name, name);
  world.Both("linkat", [&](Tree& tree) {
    std::string link = fmt::format("/proc/self/fd/{}", tree.file[static_cast<size_t>(slot)].get());
    return Returned(linkat(AT_FDCWD, link.c_str(), tree.root.get(), name.c_str(), AT_SYMLINK_FOLLOW));
  });
  world.CheckAttributes(slot);
}

void Close(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  world.Note("close {}", world.slots[static_cast<size_t>(slot)].name);
  world.CheckAttributes(slot);
  world.CloseSlot(slot);
}

void Sync(World& world) {
  int slot = world.PickOpen();
  if (slot < 0) return;
  auto index = static_cast<size_t>(slot);
  bool data_only = world.random.OneIn(2);
  world.Note("{} {}", data_only ? "fdatasync" : "fsync", world.slots[index].name);
  world.Both("fsync", [&](Tree& tree) {
    int fd = tree.file[index].get();
    return Returned(data_only ? fdatasync(fd) : fsync(fd));
  });
}

void SyncDirectory(World& world) {
  std::string name = LikelyDirectory(world);
  world.Note("fsync of the directory {}", name);
  world.Both("fsync of a directory", [&](Tree& tree) {
    UniqueFd fd(openat(tree.root.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return Returned(fd ? fsync(fd.get()) : -1);
  });
}

constexpr Operation kOperations[] = {
    {"open", 14, Open},  {"tmpfile", 1, OpenUnnamed}, {"link_open", 2, LinkOpen},
    {"close", 4, Close}, {"fsync", 1, Sync},          {"fsync_dir", 1, SyncDirectory},
};

}  // namespace

std::span<const Operation> FileOperations() {
  return kOperations;
}

}  // namespace tdefs::model
