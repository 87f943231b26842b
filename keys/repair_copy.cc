#include "keys/repair_copy.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "keys/store_id.h"

namespace tdefs {
namespace {

constexpr char kPlanName[] = "plan";
constexpr char kTagsName[] = "tags";
constexpr size_t kCopyBytes = 1 << 20;
constexpr int kNamesTriedMax = 100;  // repairs within one second

std::string DirectoryName(std::time_t now, int attempt) {
  const std::string name = fmt::format("repair-{:%Y%m%dT%H%M%SZ}", fmt::gmtime(now));
  return attempt == 0 ? name : fmt::format("{}-{}", name, attempt);
}

// As getfattr writes names: control characters and backslashes in octal.
std::string Quoted(std::string_view path) {
  std::string quoted;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '\\') {
      quoted += fmt::format("\\{:03o}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted;
}

Status WriteNewFile(int dir_fd, const char* name, std::string_view content) {
  UniqueFd fd = TRY(OpenAt(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(WriteAt(fd.get(), AsBytes(content), 0));
  const int synced = Point<"repair.fsync-copy", CallKind::kSync>().Run([&] { return ::fsync(fd.get()); });
  if (synced != 0) return FailErrno(errno, fmt::format("fsync {}", name));
  return {};
}

}  // namespace

Result<RepairCopy> RepairCopy::Create(int store_dir_fd) {
  const std::time_t now = std::time(nullptr);
  for (int attempt = 0; attempt < kNamesTriedMax; ++attempt) {
    std::string name = DirectoryName(now, attempt);
    const int made =
        Point<"repair.mkdir", CallKind::kName>().Run([&] { return ::mkdirat(store_dir_fd, name.c_str(), 0700); });
    if (made != 0) {
      if (errno == EEXIST) continue;
      return FailErrno(errno, fmt::format("make {}/{}", kStoreDirName, name));
    }
    UniqueFd dir = TRY(OpenAt(store_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    RepairCopy copy(store_dir_fd, std::move(dir), std::move(name));
    TRY(copy.CopyFileDictionary());
    return copy;
  }
  return FailErrno(EEXIST, fmt::format("make {}/{}", kStoreDirName, DirectoryName(now, kNamesTriedMax)));
}

// What is no regular file is no dictionary and cannot be copied: it is moved.
Status RepairCopy::CopyFileDictionary() {
  struct stat attributes;
  if (::fstatat(store_dir_fd_, kFileDictionaryName, &attributes, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(attributes.st_mode)) {
    const int moved = Point<"repair.rename-file-dict", CallKind::kName>().Run(
        [&] { return ::renameat(store_dir_fd_, kFileDictionaryName, dir_.get(), kFileDictionaryName); });
    if (moved == 0) return {};
    return FailErrno(errno, "move file.dict, which is no regular file, away");
  }
  auto from = OpenAt(store_dir_fd_, kFileDictionaryName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!from && from.error().sys_errno == ENOENT) return {};
  if (!from) return std::unexpected(std::move(from).error());
  UniqueFd to = TRY(OpenAt(dir_.get(), kFileDictionaryName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  Bytes buffer(kCopyBytes);
  for (uint64_t offset = 0;;) {
    const size_t size = TRY(ReadAt(from->get(), buffer, offset));
    if (size == 0) break;
    TRY(WriteAt(to.get(), ByteView(buffer).first(size), offset));
    offset += size;
  }
  const int synced = Point<"repair.fsync-file-dict", CallKind::kSync>().Run([&] { return ::fsync(to.get()); });
  if (synced != 0) return FailErrno(errno, "fsync the copy of file.dict");
  return {};
}

void RepairCopy::AddPlanLine(std::string_view line) {
  plan_ += line;
  plan_ += '\n';
}

void RepairCopy::AddTag(std::string_view path, const std::optional<Bytes>& tag) {
  path.remove_prefix(1);  // relative to the backing directory
  tags_ += fmt::format("# file: {}\n", Quoted(path));
  if (tag) tags_ += fmt::format("{}=0x{}\n", kTagXattrName, ToHex(*tag));
  tags_ += '\n';
}

Status RepairCopy::Save() {
  TRY(WriteNewFile(dir_.get(), kPlanName, plan_));
  if (!tags_.empty()) TRY(WriteNewFile(dir_.get(), kTagsName, tags_));
  for (const int directory : {dir_.get(), store_dir_fd_}) {
    const int synced = Point<"repair.fsync-directory", CallKind::kSync>().Run([&] { return ::fsync(directory); });
    if (synced != 0) return FailErrno(errno, "fsync the copy of the repair");
  }
  return {};
}

}  // namespace tdefs
