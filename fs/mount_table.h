// Which tdefs mounts there are, from /proc/self/mountinfo; never touches the mounts themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace tdefs {

struct MountEntry {
  std::string mount_point;
  std::string backing_dir;  // the mount's source
  std::string device;       // "0:53", as in /sys/class/bdi
  std::string options;
};

// All mounts of type fuse.tdefs, in the order they were made.
Result<std::vector<MountEntry>> ListMounts();
// The mount whose mount point or backing directory is exactly `path` (resolved by the caller, without touching it if it
// is a dead mount).
Result<std::optional<MountEntry>> FindMount(const std::string& path);

}  // namespace tdefs
