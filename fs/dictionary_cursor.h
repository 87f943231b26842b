// DictionaryCursor: directories of the file dictionary by path, for those who go through files directory by directory.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "keys/file_dictionary.h"

namespace tdefs {

// Holds one directory at a time. Not thread-safe.
class DictionaryCursor {
 public:
  explicit DictionaryCursor(FileDictionary& files) : files_(files) {}
  ~DictionaryCursor() { Leave(dir_); }
  DictionaryCursor(const DictionaryCursor&) = delete;
  DictionaryCursor& operator=(const DictionaryCursor&) = delete;

  // The directory at an absolute path within the mount, "" for the root; good until the next call.
  DirId Enter(std::string_view path) {
    if (path == path_) return dir_;
    DirId dir = FileTree::kRoot;
    for (size_t start = 1; start <= path.size();) {
      const size_t end = std::min(path.find('/', start), path.size());
      const DirId next = files_.Enter(dir, path.substr(start, end - start));
      Leave(dir);
      dir = next;
      start = end + 1;
    }
    Leave(dir_);
    dir_ = dir;
    path_ = path;
    return dir_;
  }

 private:
  void Leave(DirId dir) {
    if (dir != FileTree::kRoot) files_.Leave(dir);  // the root was never entered
  }

  FileDictionary& files_;
  std::string path_;
  DirId dir_ = FileTree::kRoot;
};

}  // namespace tdefs
