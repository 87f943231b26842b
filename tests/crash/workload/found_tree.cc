#include "tests/crash/workload/found_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/unique_fd.h"

namespace tdefs::crash {
namespace {

struct CloseDirectory {
  void operator()(DIR* listing) const { ::closedir(listing); }
};

class Reader {
 public:
  Reader(int root_fd, FoundTree& tree) : root_fd_(root_fd), tree_(tree) {}

  // `path` is "" or ends with a slash.
  void Directory(const std::string& path) {
    UniqueFd fd(::openat(root_fd_, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return (void)(tree_.error = Failure("open of directory " + path));
    const std::unique_ptr<DIR, CloseDirectory> listing(::fdopendir(fd.Release()));
    errno = 0;
    std::vector<std::string> names;
    while (const dirent* item = ::readdir(listing.get())) names.emplace_back(item->d_name);
    if (errno != 0) tree_.error = Failure("listing of directory " + path);
    for (const std::string& name : names) {
      if (name != "." && name != "..") Entry(path + name);
    }
  }

 private:
  std::string Failure(const std::string& what) {
    if (errno == ENOTCONN || errno == ECONNABORTED) tree_.died = true;
    return fmt::format("{}: {}", what, std::strerror(errno));
  }

  void Entry(const std::string& path) {
    Found& found = tree_.entries[path];
    struct stat attributes;
    if (::fstatat(root_fd_, path.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) != 0) {
      found.error = Failure("stat");
      return;
    }
    found.is_directory = S_ISDIR(attributes.st_mode);
    found.inode = attributes.st_ino;
    found.links = attributes.st_nlink;
    if (found.is_directory) return Directory(path + "/");
    Content(path, found);
    if (found.error.empty() && found.content.size() != static_cast<uint64_t>(attributes.st_size)) {
      found.error = fmt::format("{} bytes were read of {}", found.content.size(), attributes.st_size);
    }
  }

  void Content(const std::string& path, Found& found) {
    UniqueFd fd(::openat(root_fd_, path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return (void)(found.error = Failure("open"));
    static std::array<char, 256 << 10> buffer;
    for (;;) {
      const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
      if (n < 0) return (void)(found.error = Failure("read"));
      if (n == 0) return;
      found.content.append(buffer.data(), static_cast<size_t>(n));
    }
  }

  const int root_fd_;
  FoundTree& tree_;
};

}  // namespace

FoundTree ReadTree(int directory_fd) {
  FoundTree tree;
  Reader(directory_fd, tree).Directory("");
  return tree;
}

}  // namespace tdefs::crash
