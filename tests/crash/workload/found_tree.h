// FoundTree: everything that can be read below the directory of a run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tdefs::crash {

struct Found {
  bool is_directory = false;
  uint64_t inode = 0, links = 0;
  std::string content;
  std::string error;  // why it could not be read; empty if it was
};

struct FoundTree {
  std::map<std::string, Found> entries;  // by path relative to the directory
  bool died = false;                     // the mount went away while it was read
  std::string error;                     // why the listing is not whole
};

FoundTree ReadTree(int directory_fd);

}  // namespace tdefs::crash
