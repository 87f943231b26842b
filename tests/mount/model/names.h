// The names that a run plays with: few, so that operations meet each other's files.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/mount/model/world.h"

namespace tdefs::model {

// Any path of the small namespace, relative to the root; it may or may not exist.
std::string AnyName(World& world);
// A path that is likely to exist with this type (S_IFREG, S_IFDIR, S_IFLNK; 0: any type).
std::string LikelyName(World& world, mode_t type);
// A directory that is likely to exist; "." is the root.
std::string LikelyDirectory(World& world);

}  // namespace tdefs::model
