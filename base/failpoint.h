// Named points around the system calls that touch a store, where tests put an error, a short transfer or the sudden end
// of the process. They exist in builds with TDEFS_FAILPOINTS only; in every other build a point is nothing but its
// call.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>
#ifdef TDEFS_FAILPOINTS
#include <cerrno>
#include <cstdint>
#include <map>
#include <string>
#endif

namespace tdefs {

// What the call at a point does; kWrite and kRead can be cut short.
enum class CallKind { kWrite, kRead, kSync, kName, kAttribute, kSize, kOther };

// A string literal as a template argument: "step.call", as TDEFS_FAILPOINTS names it.
template <size_t kSize>
struct PointName {
  consteval PointName(const char (&name)[kSize]) { std::copy_n(name, kSize, text); }  // NOLINT: implicit on purpose
  char text[kSize];
};

#ifdef TDEFS_FAILPOINTS

struct FailpointState;  // in failpoint.cc

class Failpoint {
 public:
  Failpoint(const char* name, CallKind kind);

  // Makes a call that answers -1 and errno on failure, or does in its place what was armed.
  template <class Call>
  auto Run(Call&& call) const -> std::invoke_result_t<Call> {
    if (const int error = Before(); error != 0) {
      errno = error;
      return static_cast<std::invoke_result_t<Call>>(-1);
    }
    const auto result = call();
    After();
    return result;
  }

  // The same for a call that moves up to `size` bytes: `call(size)`.
  template <class Call>
  ssize_t Transfer(size_t size, Call&& call) const {
    if (const int error = Before(); error != 0) {
      errno = error;
      return -1;
    }
    const ssize_t result = call(ShortSize(size));
    After();
    return result;
  }

 private:
  int Before() const;  // the errno to fail with, or 0
  size_t ShortSize(size_t size) const;
  void After() const;

  FailpointState* state_;
};

template <PointName kName, CallKind kKind>
inline const Failpoint kFailpoint{kName.text, kKind};

template <PointName kName, CallKind kKind>
const Failpoint& Point() {
  return kFailpoint<kName, kKind>;
}

// Arms points as TDEFS_FAILPOINTS does (docs/reliability.md), in place of what was armed before; "" disarms all.
// Counting of "@N" begins here. False and nothing armed if the text or a name in it is wrong.
bool ArmFailpoints(std::string_view text);
// Of every point: its name and whether its call can be cut short.
std::map<std::string, bool> FailpointNames();
// How often the point was reached since it was armed.
uint32_t FailpointHits(std::string_view name);
// With TDEFS_FAILPOINTS=list in the environment: prints all points, one a line with its kind, and returns true.
bool ListFailpointsIfAsked();

#else

class Failpoint {
 public:
  template <class Call>
  auto Run(Call&& call) const {
    return call();
  }
  template <class Call>
  ssize_t Transfer(size_t size, Call&& call) const {
    return call(size);
  }
};

template <PointName, CallKind>
constexpr Failpoint Point() {
  return {};
}

inline bool ListFailpointsIfAsked() {
  return false;
}

#endif

}  // namespace tdefs
