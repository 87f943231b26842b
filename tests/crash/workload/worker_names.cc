// Worker: operations on names.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/crash/workload/worker.h"

namespace tdefs::crash {
namespace {

using Kind = NameChange::Kind;

constexpr size_t kDirectoriesMax = 3;

}  // namespace

std::span<const Worker::Operation> Worker::NameOperations() {
  static constexpr std::array<Operation, 13> kOperations = {{{10, &Worker::Create},
                                                             {3, &Worker::CreateUnnamed},
                                                             {4, &Worker::Rename},
                                                             {3, &Worker::RenameOver},
                                                             {3, &Worker::Replace},
                                                             {3, &Worker::Exchange},
                                                             {2, &Worker::RenameDirectory},
                                                             {1, &Worker::MakeDirectory},
                                                             {1, &Worker::RemoveDirectory},
                                                             {3, &Worker::Link},
                                                             {4, &Worker::Unlink},
                                                             {2, &Worker::UnlinkOpen},
                                                             {3, &Worker::SyncDirectory}}};
  return kOperations;
}

std::optional<ObjectId> Worker::Make(const std::string& path) {
  const ObjectId file = model_.NewId();
  model_.files.emplace(file, ContentHistory(file));
  UniqueFd fd;
  const bool made = ChangeNames({.kind = Kind::kMake, .from = path, .object = file}, "create", [&] {
    fd.Reset(::openat(run_.directory_fd, path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    return fd.get();
  });
  if (!made) return std::nullopt;
  Keep(file, std::move(fd));
  return file;
}

bool Worker::Create() {
  const auto path = FreePath();
  if (!path) return true;
  const auto file = Make(*path);
  return file && (random_.OneIn(5) || WriteSomething(*file, Open(*file)));
}

bool Worker::CreateUnnamed() {
  const auto path = FreePath();
  if (!path) return true;
  const std::string directory = path->substr(0, path->rfind('/'));
  UniqueFd fd(::openat(run_.directory_fd, directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0644));
  if (!Did(fd.get(), "open with O_TMPFILE in " + directory)) return false;
  const ObjectId file = model_.NewId();
  model_.files.emplace(file, ContentHistory(file));
  if (!WriteSomething(file, fd.get())) return false;
  if (random_.OneIn(2) && !Sync(file, fd.get())) return false;
  const std::string itself = fmt::format("/proc/self/fd/{}", fd.get());
  if (!random_.OneIn(4) && !ChangeNames({.kind = Kind::kMake, .from = *path, .object = file}, "linkat", [&] {
        return ::linkat(AT_FDCWD, itself.c_str(), run_.directory_fd, path->c_str(), AT_SYMLINK_FOLLOW);
      })) {
    return false;
  }
  Keep(file, std::move(fd));
  return true;
}

bool Worker::Rename() {
  const auto from = PickPath(false);
  const auto to = FreePath();
  return !from || !to || MoveOver(*from, *to);
}

bool Worker::MoveOver(const std::string& from, const std::string& to) {
  return ChangeNames({.kind = Kind::kRename, .from = from, .to = to, .object = *At(from)}, "rename",
                     [&] { return ::renameat(run_.directory_fd, from.c_str(), run_.directory_fd, to.c_str()); });
}

bool Worker::RenameOver() {
  const auto from = PickPath(false);
  const auto to = PickPath(false);
  if (!from || At(*from) == At(*to)) return true;  // of two names of one file nothing happens
  return MoveOver(*from, *to);
}

// As programs replace a file: a temporary one, synced, renamed over it, the directory synced.
bool Worker::Replace() {
  const auto path = FreePath();
  const auto to = PickPath(false);
  if (!path || !to) return true;
  const auto file = Make(*path);
  if (!file || !Write(*file, Open(*file), 0, AnyLength()) || !Sync(*file, Open(*file))) return false;
  if (!MoveOver(*path, *to)) return false;
  return random_.OneIn(3) || SyncDirectoryAt(DirectoryOf(*to));
}

bool Worker::Exchange() {
  const auto from = PickPath(random_.OneIn(4));
  const auto to = PickPath(random_.OneIn(4));
  if (!from || !to || *from == *to || to->starts_with(*from + "/") || from->starts_with(*to + "/")) return true;
  // Directories stay below the thread's own one.
  if ((IsDirectory(*At(*from)) || IsDirectory(*At(*to))) &&
      (from->starts_with(kCommonName) || to->starts_with(kCommonName))) {
    return true;
  }
  return ChangeNames(
      {.kind = Kind::kExchange, .from = *from, .to = *to, .object = *At(*from), .other = *At(*to)}, "exchange",
      [&] { return ::renameat2(run_.directory_fd, from->c_str(), run_.directory_fd, to->c_str(), RENAME_EXCHANGE); });
}

bool Worker::RenameDirectory() {
  const auto from = PickPath(true);
  if (!from) return true;
  const std::string to = Place(Directories().front(), random_.Below(20) + 10);
  return At(to) || MoveOver(*from, to);
}

bool Worker::MakeDirectory() {
  const std::string path = Place(Directories().front(), random_.Below(20) + 10);
  if (At(path) || Directories().size() >= kDirectoriesMax + 2) return true;
  const ObjectId id = model_.NewId() | kDirectoryBit;
  return ChangeNames({.kind = Kind::kMake, .from = path, .object = id}, "mkdir",
                     [&] { return ::mkdirat(run_.directory_fd, path.c_str(), 0755); });
}

bool Worker::RemoveDirectory() {
  const auto path = PickPath(true);
  if (!path) return true;
  const auto next = model_.names.now().lower_bound(*path + "/");
  if (next != model_.names.now().end() && next->first.starts_with(*path + "/")) return true;
  return ChangeNames({.kind = Kind::kRemove, .from = *path, .object = *At(*path)}, "rmdir",
                     [&] { return ::unlinkat(run_.directory_fd, path->c_str(), AT_REMOVEDIR); });
}

bool Worker::Link() {
  const auto from = PickPath(false);
  const auto to = FreePath();
  if (!from || !to) return true;
  return ChangeNames({.kind = Kind::kMake, .from = *to, .object = *At(*from)}, "link",
                     [&] { return ::linkat(run_.directory_fd, from->c_str(), run_.directory_fd, to->c_str(), 0); });
}

bool Worker::Unlink() {
  const auto path = PickPath(false);
  if (!path) return true;
  return ChangeNames({.kind = Kind::kRemove, .from = *path, .object = *At(*path)}, "unlink",
                     [&] { return ::unlinkat(run_.directory_fd, path->c_str(), 0); });
}

bool Worker::UnlinkOpen() {
  const auto path = PickPath(false);
  if (!path) return true;
  const ObjectId file = *At(*path);
  if (Open(file) < 0) return false;
  if (!ChangeNames({.kind = Kind::kRemove, .from = *path, .object = file}, "unlink",
                   [&] { return ::unlinkat(run_.directory_fd, path->c_str(), 0); })) {
    return false;
  }
  return WriteSomething(file, Open(file));
}

bool Worker::SyncDirectory() {
  return SyncDirectoryAt(random_.Pick(Directories()));
}

}  // namespace tdefs::crash
