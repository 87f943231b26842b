// Detaching a mount, as root by the system call, otherwise through fusermount3.
#pragma once

#include <string>

#include "base/error.h"

namespace tdefs {

enum class UnmountMode : uint8_t { kWhenIdle, kLazy };

// kSystem with EBUSY while programs use the mount (not with kLazy).
Status Unmount(const std::string& mount_point, UnmountMode mode);

}  // namespace tdefs
