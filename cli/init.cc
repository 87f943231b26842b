// tdefs init: makes a store in an empty directory, or around files that are there.
#include <dirent.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fs/check.h"
#include "keys/key_manager.h"

namespace tdefs {
namespace {

constexpr uint64_t kProgressEachFiles = 10'000;

// The first name in the directory that is not part of a store or of the filesystem itself; empty if there is none.
Result<std::string> FirstForeignName(const std::string& dir) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(dir.c_str()), ::closedir);
  if (!stream) return FailErrno(errno, "backing directory " + dir);
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != kStoreDirName && name != "lost+found") return std::string(name);
  }
  if (errno != 0) return FailErrno(errno, "read backing directory " + dir);
  return std::string();
}

Result<Config> InitSettings(const InitArguments& arguments) {
  Config config = TRY(LoadSettings(arguments.store));
  if (!arguments.backing_dir.empty()) config.store.backing_dir = arguments.backing_dir;
  if (config.store.backing_dir.empty()) {
    return Fail(ErrorCode::kUsage, "no backing directory: give it as an argument or as [store] backing-dir");
  }
  if (!config.store.backing_dir.starts_with('/')) {
    return Fail(ErrorCode::kBadPath, "backing directory " + config.store.backing_dir + ": it must be absolute");
  }
  if (arguments.method.empty()) return config;
  config.encryption.data_encryption_method = MethodFromName(arguments.method);
  if (config.encryption.data_encryption_method) return config;
  std::string names;
  for (Method method : kAllMethods) names += fmt::format(" {}", MethodName(method));
  return Fail(ErrorCode::kBadConfig, fmt::format("method {}: unknown, expected one of{}", arguments.method, names));
}

Status Import(const Config& config) {
  auto keys = TRY(KeyManager::Open(config.store.backing_dir, config.encryption, config.mount.flush_interval_ms,
                                   KeyManager::Access::kExclusive));
  uint64_t files = 0;
  Status imported = ImportFiles(*keys, config.store.backing_dir, [&](uint64_t count) {
    files = count;
    if (count % kProgressEachFiles == 0) PrintNote(fmt::format("{} files imported", count));
  });
  Status closed = keys->Close();
  TRY(std::move(imported));
  TRY(std::move(closed));
  fmt::print("{} files imported as plaintext: what is created or truncated from now on is encrypted\n", files);
  return {};
}

}  // namespace

Status RunInit(const InitArguments& arguments) {
  Config config = TRY(InitSettings(arguments));
  config.store.backing_dir = TRY(ResolvePath(config.store.backing_dir));
  if (Result<StoreInfo> info = ReadStoreInfo(config.store.backing_dir)) {
    return Fail(ErrorCode::kStoreExists, config.store.backing_dir + ": is a store already");
  }
  const std::string foreign = TRY(FirstForeignName(config.store.backing_dir));
  if (!foreign.empty() && !arguments.import_files) {
    return Fail(ErrorCode::kStoreExists,
                fmt::format("{}: not empty (it holds {}), expected an empty directory or --import",
                            config.store.backing_dir, Printable(foreign)));
  }
  TRY(KeyManager::InitStore(config.store.backing_dir, config.encryption));
  fmt::print("{}: store made\n", config.store.backing_dir);
  if (!arguments.import_files) return {};
  Status imported = Import(config);
  if (imported) return {};
  Error error = std::move(imported).error();
  error.message = fmt::format("import, to be repeated after removing {}/{}: {}", config.store.backing_dir,
                              kStoreDirName, error.message);
  return std::unexpected(std::move(error));
}

}  // namespace tdefs
