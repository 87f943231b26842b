// Walks the files of a backing tree by descriptor: it follows no symlink and never leaves the tree; the store's own
// directory is not part of it. Other filesystems mounted inside are. Depth and lengths of paths have no limit, and one
// descriptor is open at a time however deep the tree is.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tdefs {

// A regular file that the walk has come to.
struct WalkedFile {
  const std::string& dir;  // within the mount: "" for the root, else "/base/5"
  const std::string& name;
  int fd;  // O_PATH
  struct stat attributes;
  std::string Path() const { return dir + "/" + name; }
};

struct WalkVisitor {
  // An error ends the walk and is its result.
  std::function<Status(const WalkedFile& file)> file;
  // A file or directory that cannot be examined; returning no error goes on with the next.
  std::function<Status(const std::string& path, const Error& error)> unreadable;
};

// A directory's files come one after another, all in the order of their names. What vanishes meanwhile is passed over.
Status WalkBackingTree(int root_fd, const WalkVisitor& visitor);

// Finds paths of the tree without following symlinks; quick for many paths of one directory in a row. `root_fd` must
// outlive the object.
class BackingPaths {
 public:
  explicit BackingPaths(int root_fd) : root_fd_(root_fd) {}
  // The attributes of an absolute path within the mount; nothing if it, or a directory on the way, does not exist.
  Result<std::optional<struct stat>> Find(const std::string& path);
  // An O_PATH descriptor of what stands there.
  Result<UniqueFd> Open(const std::string& path);

 private:
  // The directory of a path; an error if it does not exist.
  Status EnterDirectoryOf(const std::string& path);

  int root_fd_;
  std::string dir_;  // whose descriptor dir_fd_ is
  UniqueFd dir_fd_;
};

}  // namespace tdefs
