// What a fuzz target is about: a condition that no input may break. Says where, since an abort() alone often cannot.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace tdefs {

inline void Must(bool holds, const std::source_location& place = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: what must hold does not\n", place.file_name(), place.line());
  std::abort();
}

}  // namespace tdefs
