// The libfuse that runs, for `tdefs version`.
#pragma once

#include <string>

namespace tdefs {

// "libfuse 3.14.0".
std::string FuseLibraryVersion();

}  // namespace tdefs
