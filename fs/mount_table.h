// Which tdefs mounts there are, from /proc/self/mountinfo; never touches the mounts themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tdefs {

inline constexpr char kFilesystemType[] = "fuse.tdefs";

struct MountEntry {
  std::string mount_point;
  std::string backing_dir;  // the mount's source
  std::string device;       // "0:53", as in /sys/class/bdi
  std::string options;      // of the mount and of the superblock, "ro" if either is: "rw,nosuid,nodev,relatime"
};

// All mounts of type fuse.tdefs, in the order they were made.
Result<std::vector<MountEntry>> ListMounts();
// The mount whose mount point or backing directory is exactly `path` (resolved by the caller, without touching it if it
// is a dead mount). Where mounts are stacked on one mount point, the one on top.
Result<std::optional<MountEntry>> FindMount(const std::string& path);

// The fuse.tdefs mounts in a text in the format of /proc/PID/mountinfo (proc(5)); lines that are not in it are skipped.
std::vector<MountEntry> ParseMountInfo(std::string_view text);

}  // namespace tdefs
