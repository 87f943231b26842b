// Runs one mount in this process, from the open store to the orderly end.
#pragma once

#include <functional>

#include "base/error.h"
#include "config/config.h"

namespace tdefs {

// Opens the store at config.store.backing_dir, mounts it at config.store.mount_point and serves until it is unmounted
// or SIGTERM or SIGINT arrives; then marks the store clean. Calls on_ready from another thread once the mount answers.
// Requires: both paths are absolute and resolved, logging is set up, no other threads run yet.
Status ServeMount(const Config& config, const std::function<void()>& on_ready);

// kBadPath unless both are absolute, existing directories, neither inside nor equal to the other (after resolving
// symlinks).
Status CheckMountPaths(const std::string& backing_dir, const std::string& mount_point);

}  // namespace tdefs
