// Which store a BACKING|MOUNTPOINT argument means, and the settings to open it with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "fs/mount_table.h"
#include "keys/key_manager.h"

namespace tdefs {

struct Target {
  std::string backing_dir;          // absolute, resolved
  std::optional<MountEntry> mount;  // where it is mounted
};

// Either end of a mount, or any existing directory. A relative path is taken from the working directory.
Result<Target> ResolveTarget(const std::string& path);
// The path as an absolute one without `.` and `..`; touches no file but the working directory.
Result<std::string> AbsolutePath(const std::string& path);
// All symlinks resolved. Requires: the path exists.
Result<std::string> ResolvePath(const std::string& path);

// The configuration file's settings or the defaults, with the key file on top, if they are given.
Result<Config> LoadSettings(const StoreArguments& arguments);

// Asks the mount that serves the store. False if nobody does, so that the store may be opened offline; kNotMounted if
// it is a dead mount.
Result<bool> AskMount(const Target& target, std::string_view request,
                      const std::function<void(std::string_view line)>& on_line);
// kStoreBusy while a process works on the store, mounted or not; for tools that need it at rest. The lock tells, also
// of a mount in another mount namespace; a mount whose daemon is gone holds none. Takes no lock.
Status RefuseInUse(const Target& target);
// True for a mount whose daemon is gone. Does not touch the mount.
bool IsDead(const Target& target);
// The store itself, for a store that is not mounted.
Result<std::unique_ptr<KeyManager>> OpenOffline(const Target& target, const StoreArguments& arguments,
                                                KeyManager::Access access);

}  // namespace tdefs
