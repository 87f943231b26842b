#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace tdefs {
namespace {

constexpr uint64_t kEach = 1000;

}  // namespace

Progress::Progress(std::string what) : what_(std::move(what)), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::Show(uint64_t count) {
  if (!is_terminal_ || count % kEach != 0) return;
  fmt::print(stderr, "\r{} {}", count, what_);
  std::fflush(stderr);
  is_shown_ = true;
}

void Progress::Clear() {
  if (!is_shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  is_shown_ = false;
}

}  // namespace tdefs
