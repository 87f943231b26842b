#include "base/require.h"

#include <cstdio>
#include <cstdlib>

namespace tdefs {

void AbortBroken(std::string_view what) {
  (void)std::fprintf(stderr, "tdefs: requirement broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace tdefs
