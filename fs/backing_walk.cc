#include "fs/backing_walk.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "base/file_io.h"
#include "keys/store_id.h"

namespace tdefs {
namespace {

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// The directory at a path within the mount, for openat and fstatat; no component may be a symlink.
Result<UniqueFd> OpenDirectory(int root_fd, std::string_view path) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd dir(::openat(root_fd, ".", kFlags));
  while (dir && !path.empty()) {
    path.remove_prefix(1);  // the slash
    const size_t end = std::min(path.find('/'), path.size());
    dir.Reset(::openat(dir.get(), std::string(path.substr(0, end)).c_str(), kFlags));
    path.remove_prefix(end);
  }
  if (!dir) return FailErrno();
  return dir;
}

bool IsGone(const Error& error) {
  return error.sys_errno == ENOENT || error.sys_errno == ENOTDIR || error.sys_errno == ELOOP;
}

// The names of what may be a file or a directory, sorted.
Result<std::vector<std::string>> ListNames(int dir_fd, bool is_root) {
  UniqueFd readable(::openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return FailErrno(errno, "open");
  std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(readable.get()));
  if (!stream) return FailErrno(errno, "open");
  (void)readable.Release();  // closedir closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return FailErrno(errno, "read of the directory");
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    const bool can_matter = entry->d_type == DT_REG || entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    if (!can_matter || name == "." || name == ".." || (is_root && name == kStoreDirName)) continue;
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

class Walk {
 public:
  Walk(int root_fd, const WalkVisitor& visitor) : root_fd_(root_fd), visitor_(visitor) {}

  Status Run() {
    while (!pending_.empty()) {
      const std::string dir = std::move(pending_.back());
      pending_.pop_back();
      TRY(VisitDirectory(dir));
    }
    return {};
  }

 private:
  Status VisitDirectory(const std::string& dir) {
    auto fd = OpenDirectory(root_fd_, dir);
    auto names = fd ? ListNames(fd->get(), dir.empty()) : std::unexpected(fd.error());
    if (!names) return IsGone(names.error()) ? Status() : visitor_.unreadable(dir.empty() ? "/" : dir, names.error());
    const size_t known = pending_.size();
    for (const std::string& name : *names) TRY(VisitName(dir, fd->get(), name));
    std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(known), pending_.end());  // first name first
    return {};
  }

  Status VisitName(const std::string& dir, int dir_fd, const std::string& name) {
    UniqueFd fd(::openat(dir_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat attributes;
    if (!fd || ::fstat(fd.get(), &attributes) != 0) {
      Error error = FailErrno(errno, "open").error();
      return IsGone(error) ? Status() : visitor_.unreadable(dir + "/" + name, error);
    }
    if (S_ISDIR(attributes.st_mode)) pending_.push_back(dir + "/" + name);
    if (!S_ISREG(attributes.st_mode)) return {};
    return visitor_.file(WalkedFile{.dir = dir, .name = name, .fd = fd.get(), .attributes = attributes});
  }

  int root_fd_;
  const WalkVisitor& visitor_;
  std::vector<std::string> pending_ = {""};  // directories still to visit, the next one last
};

}  // namespace

Status WalkBackingTree(int root_fd, const WalkVisitor& visitor) {
  return Walk(root_fd, visitor).Run();
}

Status BackingPaths::EnterDirectoryOf(const std::string& path) {
  const std::string dir = path.substr(0, path.rfind('/'));
  if (dir_fd_ && dir == dir_) return {};
  dir_fd_ = TRY(OpenDirectory(root_fd_, dir));
  dir_ = dir;
  return {};
}

Result<std::optional<struct stat>> BackingPaths::Find(const std::string& path) {
  Status entered = EnterDirectoryOf(path);
  if (!entered && IsGone(entered.error())) return std::nullopt;
  TRY(std::move(entered));
  struct stat attributes;
  const char* name = path.c_str() + path.rfind('/') + 1;
  if (::fstatat(dir_fd_.get(), name, &attributes, AT_SYMLINK_NOFOLLOW) == 0) return attributes;
  if (errno == ENOENT) return std::nullopt;
  return FailErrno(errno, "stat");
}

Result<UniqueFd> BackingPaths::Open(const std::string& path) {
  TRY(EnterDirectoryOf(path));
  return OpenAt(dir_fd_.get(), path.substr(path.rfind('/') + 1), O_PATH | O_NOFOLLOW);
}

}  // namespace tdefs
