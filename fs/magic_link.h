// The path under /proc that leads to an open descriptor's very file, whatever its names are now; for calls that take no
// O_PATH descriptor.
#pragma once

#include <string>

namespace tdefs {

inline std::string MagicLink(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace tdefs
