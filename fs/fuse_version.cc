#include "fs/fuse_version.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

namespace tdefs {

std::string FuseLibraryVersion() {
  return std::string("libfuse ") + fuse_pkgversion();
}

}  // namespace tdefs
