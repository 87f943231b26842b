// Names: rename in its kinds, links, unlink, directories, symlinks, FIFOs.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "tests/mount/model/names.h"
#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

void Rename(World& world) {
  static constexpr std::array<unsigned, 6> kFlags = {0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
  unsigned flags = world.random.Pick(kFlags);
  bool directories = world.random.OneIn(4);
  std::string from = LikelyName(world, directories ? S_IFDIR : S_IFREG);
  std::string to = directories && world.random.OneIn(2) ? LikelyName(world, S_IFDIR) : AnyName(world);
  world.Note("rename {} to {} flags {}", from, to, flags);
  world.Both("rename", [&](Tree& tree) {
    return Returned(renameat2(tree.root.get(), from.c_str(), tree.root.get(), to.c_str(), flags));
  });
  // The names now answer with what was moved there, in the attributes too.
  for (const std::string& name : {from, to}) {
    world.Both("lstat after rename", [&](Tree& tree) {
      struct stat status {};
      Outcome outcome = Returned(fstatat(tree.root.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW));
      if (outcome.value == 0) outcome.bytes = AttributeText(status);
      return outcome;
    });
  }
}

void Link(World& world) {
  std::string from = LikelyName(world, S_IFREG);
  std::string to = AnyName(world);
  world.Note("link {} as {}", from, to);
  world.Both("link", [&](Tree& tree) {
    return Returned(linkat(tree.root.get(), from.c_str(), tree.root.get(), to.c_str(), 0));
  });
  world.Both("lstat after link", [&](Tree& tree) {
    struct stat status {};
    Outcome outcome = Returned(fstatat(tree.root.get(), to.c_str(), &status, AT_SYMLINK_NOFOLLOW));
    if (outcome.value == 0) outcome.bytes = AttributeText(status);
    return outcome;
  });
}

void Unlink(World& world) {
  std::string name = LikelyName(world, world.random.OneIn(4) ? 0 : S_IFREG);
  world.Note("unlink {}", name);
  world.Both("unlink", [&](Tree& tree) { return Returned(unlinkat(tree.root.get(), name.c_str(), 0)); });
}

void MakeDirectory(World& world) {
  static constexpr std::array<mode_t, 6> kModes = {0755, 0755, 0700, 01777, 02775, 0};
  std::string name = AnyName(world);
  mode_t mode = world.random.Pick(kModes);
  world.Note("mkdir {} mode {:o}", name, mode);
  world.Both("mkdir", [&](Tree& tree) { return Returned(mkdirat(tree.root.get(), name.c_str(), mode)); });
}

void RemoveDirectory(World& world) {
  std::string name = LikelyName(world, S_IFDIR);
  world.Note("rmdir {}", name);
  world.Both("rmdir", [&](Tree& tree) { return Returned(unlinkat(tree.root.get(), name.c_str(), AT_REMOVEDIR)); });
}

void MakeSymlink(World& world) {
  std::string name = AnyName(world);
  std::string target =
      world.random.OneIn(16) ? std::string(world.random.Between(1, PATH_MAX - 1), 't') : AnyName(world);
  world.Note("symlink {} to {} bytes of target", name, target.size());
  world.Both("symlink", [&](Tree& tree) { return Returned(symlinkat(target.c_str(), tree.root.get(), name.c_str())); });
}

void ReadSymlink(World& world) {
  std::string name = LikelyName(world, S_IFLNK);
  world.Note("readlink {}", name);
  world.Both("readlink", [&](Tree& tree) {
    std::string target(PATH_MAX, '\0');
    Outcome outcome = Returned(readlinkat(tree.root.get(), name.c_str(), target.data(), target.size()));
    if (outcome.value > 0) outcome.bytes = target.substr(0, static_cast<size_t>(outcome.value));
    return outcome;
  });
}

void MakeFifo(World& world) {
  std::string name = AnyName(world);
  world.Note("mknod fifo {}", name);
  world.Both("mknod", [&](Tree& tree) { return Returned(mknodat(tree.root.get(), name.c_str(), S_IFIFO | 0640, 0)); });
}

constexpr Operation kOperations[] = {
    {"rename", 7, Rename},         {"link", 2, Link},
    {"unlink", 4, Unlink},         {"mkdir", 3, MakeDirectory},
    {"rmdir", 1, RemoveDirectory}, {"symlink", 1, MakeSymlink},
    {"readlink", 1, ReadSymlink},  {"mknod", 1, MakeFifo},
};

}  // namespace

std::span<const Operation> NameOperations() {
  return kOperations;
}

}  // namespace tdefs::model
