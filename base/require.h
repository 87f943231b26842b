// Require: a precondition that stays on in every build. A broken one is a programmer error and aborts; damaged data,
// failing disks and wrong settings are never programmer errors and are returned as Error.
#pragma once

#include <string_view>

namespace tdefs {

// Writes "requirement broken: " and `what` to standard error, then aborts. `what` holds no secret.
[[noreturn]] void AbortBroken(std::string_view what);

inline void Require(bool condition, std::string_view what) {
  if (!condition) [[unlikely]]
    AbortBroken(what);
}

}  // namespace tdefs
