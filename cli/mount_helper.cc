// mount.fuse.tdefs: what mount(8) runs for `mount -t fuse.tdefs` and for fstab, and how it remounts.
#include <fmt/core.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "config/load.h"
#include "fs/mount_table.h"

namespace tdefs {
namespace {

struct Flag {
  std::string_view name;
  unsigned long set, cleared;
};
// The options of mount(8) that the kernel keeps for a mount.
constexpr std::array<Flag, 13> kFlags = {{{"ro", MS_RDONLY, 0},
                                          {"rw", 0, MS_RDONLY},
                                          {"nosuid", MS_NOSUID, 0},
                                          {"suid", 0, MS_NOSUID},
                                          {"nodev", MS_NODEV, 0},
                                          {"dev", 0, MS_NODEV},
                                          {"noexec", MS_NOEXEC, 0},
                                          {"exec", 0, MS_NOEXEC},
                                          {"noatime", MS_NOATIME, MS_RELATIME},
                                          {"atime", 0, MS_NOATIME},
                                          {"nodiratime", MS_NODIRATIME, 0},
                                          {"diratime", 0, MS_NODIRATIME},
                                          {"relatime", MS_RELATIME, MS_NOATIME}}};

// Options that the kernel does not keep are those of the first mount; fstab passes them again, to no effect.
void ApplyFlags(const std::vector<std::string>& options, unsigned long& flags) {
  for (const std::string& option : options) {
    const auto* flag = std::ranges::find(kFlags, option, &Flag::name);
    if (flag != kFlags.end()) flags = (flags & ~flag->cleared) | flag->set;
  }
}

Status Remount(const std::string& mount_point, const std::vector<std::string>& options) {
  const std::string absolute = TRY(AbsolutePath(mount_point));
  const std::optional<MountEntry> mount = TRY(FindMount(absolute));
  if (!mount) return Fail(ErrorCode::kNotMounted, mount_point + ": no tdefs mount here to remount");
  unsigned long flags = MS_REMOUNT;
  ApplyFlags(SplitMountOptions(mount->options), flags);
  ApplyFlags(options, flags);
  const int remounted =
      ::mount(mount->backing_dir.c_str(), mount->mount_point.c_str(), kFilesystemType, flags, nullptr);
  if (remounted != 0) return FailErrno(errno, "remount " + mount->mount_point);
  return {};
}

}  // namespace

Status RunMountHelper(int argc, char** argv) {
  MountArguments arguments;
  bool is_fake = false;
  for (int letter; (letter = ::getopt(argc, argv, "sfnvN:t:o:")) != -1;) {
    if (letter == '?') return Fail(ErrorCode::kUsage, fmt::format("mount helper: unknown option -{:c}", optopt));
    if (letter == 'o') arguments.options.emplace_back(optarg);
    if (letter == 'f') is_fake = true;
  }
  if (argc - optind != 2)
    return Fail(ErrorCode::kUsage, "usage: mount.fuse.tdefs SOURCE MOUNTPOINT [-sfnv] [-o OPTIONS]");
  arguments.backing_dir = argv[optind];
  arguments.mount_point = argv[optind + 1];
  if (is_fake) return {};

  std::vector<std::string> options;
  for (const std::string& argument : arguments.options)
    std::ranges::move(SplitMountOptions(argument), std::back_inserter(options));
  if (std::ranges::find(options, "remount") != options.end()) return Remount(arguments.mount_point, options);
  return RunMount(arguments);
}

}  // namespace tdefs
