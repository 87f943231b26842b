// Modes, owners, times and extended attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "tests/mount/model/extents.h"
#include "tests/mount/model/names.h"
#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

constexpr size_t kXattrBytesMax = 100;

void CheckNamed(World& world, const std::string& name) {
  world.Both("stat", [&](Tree& tree) {
    struct stat status {};
    Outcome outcome = Returned(fstatat(tree.root.get(), name.c_str(), &status, 0));
    if (outcome.value == 0) outcome.bytes = AttributeText(status);
    return outcome;
  });
}

void ChangeMode(World& world) {
  std::string name = LikelyName(world, 0);
  auto mode = static_cast<mode_t>(world.random.OneIn(2) ? world.random.Below(07777 + 1) : 0644);
  world.Note("chmod {} to {:o}", name, mode);
  world.Both("chmod", [&](Tree& tree) { return Returned(fchmodat(tree.root.get(), name.c_str(), mode, 0)); });
  CheckNamed(world, name);
}

void ChangeOwner(World& world) {
  static constexpr std::array<uid_t, 4> kIds = {0, 1000, 65534, static_cast<uid_t>(-1)};
  std::string name = LikelyName(world, 0);
  uid_t uid = world.random.Pick(kIds);
  gid_t gid = world.random.Pick(kIds);
  int flags = world.random.OneIn(3) ? AT_SYMLINK_NOFOLLOW : 0;
  world.Note("chown {} to {}:{}", name, static_cast<int>(uid), static_cast<int>(gid));
  world.Both("chown", [&](Tree& tree) { return Returned(fchownat(tree.root.get(), name.c_str(), uid, gid, flags)); });
  CheckNamed(world, name);
}

// A time in 2001, which no clock gives by itself; or one of the two kept, or now.
timespec AnyTime(World& world) {
  constexpr time_t kYear2001 = 978307200;
  if (world.random.OneIn(6)) return {0, UTIME_OMIT};
  if (world.random.OneIn(6)) return {0, UTIME_NOW};
  return {kYear2001 + static_cast<time_t>(world.random.Below(30'000'000)),
          static_cast<long>(world.random.Below(1'000'000'000))};
}

void SetTimes(World& world) {
  std::string name = LikelyName(world, 0);
  std::array<timespec, 2> times = {AnyTime(world), AnyTime(world)};
  world.Note("utimensat {} atime {}.{} mtime {}.{}", name, times[0].tv_sec, times[0].tv_nsec, times[1].tv_sec,
             times[1].tv_nsec);
  world.Both("utimensat", [&](Tree& tree) {
    struct stat status {};
    Outcome outcome = Returned(utimensat(tree.root.get(), name.c_str(), times.data(), 0));
    if (outcome.value < 0) return outcome;
    outcome = Returned(fstatat(tree.root.get(), name.c_str(), &status, 0));
    outcome.bytes = AttributeText(status);
    if (times[0].tv_sec != 0)
      outcome.bytes += fmt::format(" atime {}.{}", status.st_atim.tv_sec, status.st_atim.tv_nsec);
    return outcome;
  });
}

std::string AnyXattr(World& world) {
  return fmt::format("user.x{}", world.random.Below(4));
}

void SetXattr(World& world) {
  static constexpr std::array<int, 4> kFlags = {0, 0, XATTR_CREATE, XATTR_REPLACE};
  std::string name = LikelyName(world, 0);
  std::string attribute = AnyXattr(world);
  std::string value = AnyData(world.random, world.random.Between(1, kXattrBytesMax));
  int flags = world.random.Pick(kFlags);
  world.Note("setxattr {} {} {} bytes flags {}", name, attribute, value.size(), flags);
  world.Both("setxattr", [&](Tree& tree) {
    return Returned(setxattr(tree.Absolute(name).c_str(), attribute.c_str(), value.data(), value.size(), flags));
  });
}

void GetXattr(World& world) {
  std::string name = LikelyName(world, 0);
  std::string attribute = AnyXattr(world);
  size_t room = world.random.OneIn(4) ? world.random.Below(kXattrBytesMax) : kXattrBytesMax;
  world.Note("getxattr {} {} into {} bytes", name, attribute, room);
  world.Both("getxattr", [&](Tree& tree) {
    std::string value(kXattrBytesMax, '\0');
    Outcome outcome = Returned(getxattr(tree.Absolute(name).c_str(), attribute.c_str(), value.data(), room));
    if (outcome.value > 0 && room > 0) outcome.bytes = value.substr(0, static_cast<size_t>(outcome.value));
    return outcome;
  });
}

void RemoveXattr(World& world) {
  std::string name = LikelyName(world, 0);
  std::string attribute = AnyXattr(world);
  world.Note("removexattr {} {}", name, attribute);
  world.Both("removexattr",
             [&](Tree& tree) { return Returned(removexattr(tree.Absolute(name).c_str(), attribute.c_str())); });
}

constexpr Operation kOperations[] = {
    {"chmod", 2, ChangeMode},  {"chown", 2, ChangeOwner}, {"utimens", 2, SetTimes},
    {"setxattr", 2, SetXattr}, {"getxattr", 1, GetXattr}, {"removexattr", 1, RemoveXattr},
};

}  // namespace

std::span<const Operation> AttributeOperations() {
  return kOperations;
}

}  // namespace tdefs::model
