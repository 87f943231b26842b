#include "cli/target.h"

#include <fmt/core.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "config/load.h"
#include "fs/control.h"
#include "keys/store_directory.h"
#include "keys/store_lock.h"

namespace tdefs {

Result<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return Fail(ErrorCode::kUsage, "an empty path");
  std::string whole = path;
  if (!path.starts_with('/')) {
    std::array<char, PATH_MAX> cwd;
    if (::getcwd(cwd.data(), cwd.size()) == nullptr) return FailErrno(errno, "working directory");
    whole = std::string(cwd.data()) + "/" + path;
  }
  std::string normal = std::filesystem::path(whole).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

Result<std::string> ResolvePath(const std::string& path) {
  std::array<char, PATH_MAX> resolved;
  if (::realpath(path.c_str(), resolved.data()) == nullptr) return FailErrno(errno, path);
  return std::string(resolved.data());
}

Result<Target> ResolveTarget(const std::string& path) {
  // First without touching the path: a dead mount answers nothing.
  const std::string absolute = TRY(AbsolutePath(path));
  std::optional<MountEntry> mount = TRY(FindMount(absolute));
  if (mount) return Target{mount->backing_dir, mount};
  const std::string resolved = TRY(ResolvePath(path));
  mount = TRY(FindMount(resolved));
  if (mount) return Target{mount->backing_dir, mount};
  return Target{resolved, std::nullopt};
}

Result<Config> LoadSettings(const StoreArguments& arguments) {
  Config config;
  if (!arguments.config_file.empty()) config = TRY(LoadConfig(arguments.config_file));
  if (arguments.key_file.empty()) return config;
  if (std::string defect = PathDefect(arguments.key_file); !defect.empty()) {
    return Fail(ErrorCode::kBadPath, "key file " + arguments.key_file + ": " + defect);
  }
  config.encryption.master_key = MasterKeyConfig{MasterKeyConfig::Type::kFile, arguments.key_file};
  return config;
}

Result<bool> AskMount(const Target& target, std::string_view request,
                      const std::function<void(std::string_view line)>& on_line) {
  Status status = ControlRequest(target.backing_dir, request, on_line);
  if (status) return true;
  if (status.error().code != ErrorCode::kNotMounted) return std::unexpected(std::move(status).error());
  if (!target.mount) return false;
  return Fail(ErrorCode::kNotMounted, "mount at " + target.mount->mount_point + ": its daemon is gone");
}

Status RefuseInUse(const Target& target) {
  const StoreDirectory directory = TRY(OpenStoreDirectory(target.backing_dir));
  Status free = CheckStoreFree(directory.store.get(), directory.backing_dir);
  if (free || free.error().code != ErrorCode::kStoreBusy || !target.mount) return free;
  return Fail(ErrorCode::kStoreBusy, fmt::format("{}, mounted at {}", free.error().message, target.mount->mount_point));
}

bool IsDead(const Target& target) {
  return target.mount && RefuseInUse(target).has_value();
}

Result<std::unique_ptr<KeyManager>> OpenOffline(const Target& target, const StoreArguments& arguments,
                                                KeyManager::Access access) {
  const Config config = TRY(LoadSettings(arguments));
  return KeyManager::Open(target.backing_dir, config.encryption, config.mount.flush_interval_ms, access);
}

}  // namespace tdefs
