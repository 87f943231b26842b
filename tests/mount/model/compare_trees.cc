// The whole-tree comparison: names, attributes, xattrs, link targets, and contents by their data extents.
#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <set>
#include <vector>

#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

constexpr uint64_t kChunk = 1 << 20;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// The sorted names and types of a directory, one a line.
Outcome List(const Tree& tree, const std::string& name) {
  UniqueFd fd(openat(tree.root.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Returned(-1);
  std::unique_ptr<DIR, CloseDirectory> directory(fdopendir(fd.Release()));
  std::set<std::string> names;
  size_t count = 0;
  while (const dirent* entry = readdir(directory.get())) {
    std::string found = entry->d_name;
    if (found == "." || found == "..") continue;
    names.insert(found);
    ++count;
  }
  Outcome outcome{static_cast<int64_t>(count), 0, {}};
  for (const std::string& found : names) outcome.bytes += found + "\n";
  return outcome;
}

// All xattrs of a file or directory, sorted, with their values.
Outcome Xattrs(const Tree& tree, const std::string& name) {
  std::string path = tree.Absolute(name);
  std::string list(16 << 10, '\0');
  Outcome outcome = Returned(llistxattr(path.c_str(), list.data(), list.size()));
  if (outcome.value <= 0) return outcome;
  std::set<std::string> names;
  for (size_t at = 0; at < static_cast<size_t>(outcome.value); at += std::string(list.c_str() + at).size() + 1) {
    names.insert(list.c_str() + at);
  }
  for (const std::string& found : names) {
    std::string value(4096, '\0');
    ssize_t size = lgetxattr(path.c_str(), found.c_str(), value.data(), value.size());
    if (size < 0) return Returned(size);
    outcome.bytes += found + "=" + value.substr(0, static_cast<size_t>(size)) + "\n";
  }
  return outcome;
}

// The next data extent at or after `offset`, as [begin, end); begin == end when there is none.
std::pair<off_t, off_t> NextData(int fd, off_t offset) {
  off_t begin = lseek(fd, offset, SEEK_DATA);
  if (begin < 0) return {offset, offset};
  off_t end = lseek(fd, begin, SEEK_HOLE);
  return {begin, end < 0 ? begin : end};
}

void CompareRange(World& world, int on_mount, int on_plain, off_t begin, off_t end) {
  std::string mount_bytes(kChunk, '\0'), plain_bytes(kChunk, '\0');
  while (begin < end) {
    auto size = static_cast<size_t>(std::min<off_t>(end - begin, kChunk));
    ssize_t mount_size = pread(on_mount, mount_bytes.data(), size, begin);
    ssize_t plain_size = pread(on_plain, plain_bytes.data(), size, begin);
    bool same = mount_size == plain_size &&
                std::equal(mount_bytes.begin(), mount_bytes.begin() + std::max(mount_size, 0L), plain_bytes.begin());
    if (!same) {
      mount_bytes.resize(static_cast<size_t>(std::max(mount_size, 0L)));
      plain_bytes.resize(static_cast<size_t>(std::max(plain_size, 0L)));
      world.Differ(fmt::format("content from offset {}", begin), {mount_size, 0, mount_bytes},
                   {plain_size, 0, plain_bytes});
    }
    if (plain_size <= 0) return;
    begin += plain_size;
  }
}

// Reads what either side calls data, from both; what both call a hole is zeros by their own word.
void CompareContent(World& world, const std::string& name, off_t size) {
  UniqueFd on_mount(openat(world.mount.root.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  UniqueFd on_plain(openat(world.plain.root.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!on_mount || !on_plain) world.Fail("open for comparison: " + name);
  posix_fadvise(on_mount.get(), 0, 0, POSIX_FADV_DONTNEED);
  for (off_t at = 0; at < size;) {
    auto mount_data = NextData(on_mount.get(), at);
    auto plain_data = NextData(on_plain.get(), at);
    bool mount_has = mount_data.first < mount_data.second, plain_has = plain_data.first < plain_data.second;
    if (!mount_has && !plain_has) break;
    auto next = !mount_has || (plain_has && plain_data.first <= mount_data.first) ? plain_data : mount_data;
    CompareRange(world, on_mount.get(), on_plain.get(), next.first, next.second);
    at = next.second;
  }
}

void CompareEntry(World& world, const std::string& name, const struct stat& status) {
  world.Note("tree: {}", name);
  world.Both("attributes", [&](Tree& tree) {
    struct stat own {};
    Outcome outcome = Returned(fstatat(tree.root.get(), name.c_str(), &own, AT_SYMLINK_NOFOLLOW));
    if (outcome.value == 0) outcome.bytes = AttributeText(own);
    return outcome;
  });
  world.Both("xattrs", [&](Tree& tree) { return Xattrs(tree, name); });
  if (S_ISREG(status.st_mode)) CompareContent(world, name, status.st_size);
  if (!S_ISLNK(status.st_mode)) return;
  world.Both("link target", [&](Tree& tree) {
    std::string target(PATH_MAX, '\0');
    Outcome outcome = Returned(readlinkat(tree.root.get(), name.c_str(), target.data(), target.size()));
    outcome.bytes = target.substr(0, static_cast<size_t>(std::max<int64_t>(outcome.value, 0)));
    return outcome;
  });
}

}  // namespace

void CompareTrees(World& world) {
  std::vector<std::string> directories = {"."};
  while (!directories.empty()) {
    std::string directory = directories.back();
    directories.pop_back();
    world.Note("tree: list {}", directory);
    Outcome names = world.Both("directory", [&](Tree& tree) { return List(tree, directory); });
    for (size_t at = 0; at < names.bytes.size();) {
      size_t end = names.bytes.find('\n', at);
      std::string name = (directory == "." ? "" : directory + "/") + names.bytes.substr(at, end - at);
      at = end + 1;
      struct stat status {};
      if (fstatat(world.plain.root.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) world.Fail("lstat " + name);
      CompareEntry(world, name, status);
      if (S_ISDIR(status.st_mode)) directories.push_back(name);
    }
  }
}

}  // namespace tdefs::model
