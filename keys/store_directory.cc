#include "keys/store_directory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdlib>
#include <memory>

#include "base/file_io.h"
#include "keys/store_id.h"

namespace tdefs {

Result<std::string> ResolveBackingDir(const std::string& backing_dir) {
  if (!backing_dir.starts_with('/')) {
    return Fail(ErrorCode::kBadPath, fmt::format("backing directory {}: must be absolute", backing_dir));
  }
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(backing_dir.c_str(), nullptr), &std::free);
  struct stat attributes;
  if (!resolved || ::stat(resolved.get(), &attributes) != 0) {
    return Fail(ErrorCode::kBadPath, fmt::format("backing directory {}: {}", backing_dir, strerrordesc_np(errno)));
  }
  if (!S_ISDIR(attributes.st_mode)) {
    return Fail(ErrorCode::kBadPath, fmt::format("backing directory {}: is not a directory", backing_dir));
  }
  return std::string(resolved.get());
}

Result<StoreDirectory> OpenStoreDirectory(const std::string& backing_dir) {
  StoreDirectory directory;
  directory.backing_dir = TRY(ResolveBackingDir(backing_dir));
  directory.backing = TRY(OpenAt(AT_FDCWD, directory.backing_dir, O_RDONLY | O_DIRECTORY));
  directory.store =
      UniqueFd(::openat(directory.backing.get(), kStoreDirName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.store) return directory;
  if (errno == ENOENT) {
    return Fail(ErrorCode::kNotAStore,
                fmt::format("{}: is not a store: it has no {}", directory.backing_dir, kStoreDirName));
  }
  if (errno == ENOTDIR || errno == ELOOP) {
    return Fail(ErrorCode::kNotAStore,
                fmt::format("{}: is not a store: its {} is not a directory", directory.backing_dir, kStoreDirName));
  }
  return FailErrno(errno, fmt::format("open {}/{}", directory.backing_dir, kStoreDirName));
}

Result<std::optional<uint64_t>> FileSizeAt(int dir_fd, const char* name) {
  struct stat attributes;
  if (::fstatat(dir_fd, name, &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return FailErrno(errno, fmt::format("stat {}", name));
  }
  if (!S_ISREG(attributes.st_mode)) return Fail(ErrorCode::kCorrupt, fmt::format("{}: is not a regular file", name));
  return static_cast<uint64_t>(attributes.st_size);
}

Status CheckKeyDictionaryThere(const StoreDirectory& directory) {
  if (TRY(FileSizeAt(directory.store.get(), kKeyDictionaryName))) return {};
  return Fail(ErrorCode::kStoreIncomplete,
              fmt::format("{}/{}: {} is missing, and every encrypted file needs it; restore it from a backup",
                          directory.backing_dir, kStoreDirName, kKeyDictionaryName));
}

Status CheckStoreComplete(const StoreDirectory& directory) {
  const auto key_bytes = TRY(FileSizeAt(directory.store.get(), kKeyDictionaryName));
  const auto file_bytes = TRY(FileSizeAt(directory.store.get(), kFileDictionaryName));
  if (key_bytes && file_bytes) return {};
  const std::string where = fmt::format("{}/{}", directory.backing_dir, kStoreDirName);
  if (!key_bytes && !file_bytes) {
    return Fail(ErrorCode::kStoreIncomplete, fmt::format("{}: holds neither {} nor {}; an init was cut short, or both "
                                                         "must come from a backup",
                                                         where, kKeyDictionaryName, kFileDictionaryName));
  }
  if (!key_bytes) {
    return Fail(ErrorCode::kStoreIncomplete,
                fmt::format("{}: {} is missing, but its {} ({} bytes) and every encrypted file need it; restore it "
                            "from a backup",
                            where, kKeyDictionaryName, kFileDictionaryName, *file_bytes));
  }
  return Fail(ErrorCode::kStoreIncomplete, fmt::format("{}: {} is missing, but its {} says that there was one", where,
                                                       kFileDictionaryName, kKeyDictionaryName));
}

}  // namespace tdefs
