#include "tests/mount/model/names.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace tdefs::model {
namespace {

constexpr int kTries = 12;
constexpr uint64_t kDirectories = 3, kLeaves = 6;

mode_t TypeOf(World& world, const std::string& name) {
  struct stat status {};
  if (fstatat(world.plain.root.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return status.st_mode & S_IFMT;
}

// "" or a few directory names with a slash behind each; mostly a directory that exists.
std::string DirectoryPrefix(World& world) {
  std::string prefix;
  for (int tries = 0; tries < kTries; ++tries) {
    prefix.clear();
    for (uint64_t depth = world.random.Below(3); depth > 0; --depth) {
      prefix += fmt::format("d{}/", world.random.Below(kDirectories));
    }
    if (prefix.empty() || TypeOf(world, prefix) == S_IFDIR || world.random.OneIn(16)) break;
  }
  return prefix;
}

}  // namespace

std::string AnyName(World& world) {
  std::string prefix = DirectoryPrefix(world);
  if (world.random.OneIn(4)) return prefix + fmt::format("d{}", world.random.Below(kDirectories));
  return prefix + fmt::format("f{}", world.random.Below(kLeaves));
}

std::string LikelyName(World& world, mode_t type) {
  std::string name;
  for (int tries = 0; tries < kTries; ++tries) {
    name = AnyName(world);
    mode_t found = TypeOf(world, name);
    if (found != 0 && (type == 0 || found == type)) break;
  }
  return name;
}

std::string LikelyDirectory(World& world) {
  return world.random.OneIn(4) ? "." : LikelyName(world, S_IFDIR);
}

}  // namespace tdefs::model
