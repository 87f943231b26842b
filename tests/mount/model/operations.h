// The operations of a run: each picks its own arguments, does its work in both trees and compares.
#pragma once

#include <span>
#include <string_view>

#include "tests/mount/model/world.h"

namespace tdefs::model {

struct Operation {
  std::string_view name;  // as --skip takes it
  unsigned weight;        // how often, relative to the others
  void (*run)(World&);
};

std::span<const Operation> DataOperations();       // data.cc: read, write, truncate, seek
std::span<const Operation> SpaceOperations();      // space.cc: fallocate, mmap, copy_file_range
std::span<const Operation> FileOperations();       // files.cc: open, close, sync, O_TMPFILE
std::span<const Operation> NameOperations();       // tree_ops.cc: rename, link, unlink, directories
std::span<const Operation> AttributeOperations();  // attributes.cc: chmod, chown, times, xattrs

// Compares the two trees whole: names, attributes, xattrs, link targets and contents.
void CompareTrees(World& world);

}  // namespace tdefs::model
