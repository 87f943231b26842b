// Worker: operations on sizes, holes and allocation.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/crash/workload/worker.h"

namespace tdefs::crash {

using Kind = ContentChange::Kind;

std::span<const Worker::Operation> Worker::SpaceOperations() {
  static constexpr std::array<Operation, 7> kOperations = {{{3, &Worker::TruncateDown},
                                                            {2, &Worker::TruncateUp},
                                                            {2, &Worker::TruncateToZero},
                                                            {2, &Worker::OpenTruncating},
                                                            {3, &Worker::Punch},
                                                            {2, &Worker::ZeroRange},
                                                            {1, &Worker::Allocate}}};
  return kOperations;
}

bool Worker::TruncateDown() {
  const auto file = PickFile();
  if (!file || model_.files.at(*file).now().empty()) return true;
  const int fd = Open(*file);
  const uint64_t size = random_.Between(1, model_.files.at(*file).now().size());
  return fd >= 0 && Change(*file, {Kind::kTruncate, size, 0, 0, false}, "truncate",
                           [&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
}

bool Worker::TruncateUp() {
  const auto file = PickFile();
  if (!file) return true;
  const int fd = Open(*file);
  const uint64_t size = model_.files.at(*file).now().size() + random_.Between(1, random_.OneIn(3) ? 20'000 : 100);
  return fd >= 0 && Change(*file, {Kind::kTruncate, size, 0, 0, false}, "truncate",
                           [&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
}

bool Worker::TruncateToZero() {
  const auto file = PickFile();
  if (!file) return true;
  const int fd = Open(*file);
  if (fd < 0 || !Change(*file, {Kind::kTruncate, 0, 0, 0, false}, "truncate", [&] { return ::ftruncate(fd, 0); })) {
    return false;
  }
  return Write(*file, fd, 0, AnyLength());
}

bool Worker::OpenTruncating() {
  const auto file = PickNamedFile();
  if (!file) return true;
  const std::string path = PathOf(*file);
  UniqueFd fd;
  const bool opened = Change(*file, {Kind::kTruncate, 0, 0, 0, false}, "open with O_TRUNC", [&] {
    fd.Reset(::openat(run_.directory_fd, path.c_str(), O_RDWR | O_TRUNC | O_CREAT | O_CLOEXEC, 0644));
    return fd.get();
  });
  return opened && Write(*file, fd.get(), 0, AnyLength());
}

bool Worker::Punch() {
  const auto file = PickFile();
  if (!file || model_.files.at(*file).now().empty()) return true;
  const int fd = Open(*file);
  const uint64_t offset = random_.Below(model_.files.at(*file).now().size());
  const uint64_t length = AnyLength();
  return fd >= 0 && Change(*file, {Kind::kZero, offset, length, 0, false}, "punch", [&] {
           return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                              static_cast<off_t>(length));
         });
}

bool Worker::ZeroRange() {
  const auto file = PickFile();
  if (!file || model_.files.at(*file).now().empty()) return true;
  const int fd = Open(*file);
  const uint64_t offset = random_.Below(model_.files.at(*file).now().size());
  const uint64_t length = AnyLength();
  return fd >= 0 && Change(*file, {Kind::kZero, offset, length, 0, false}, "zero range", [&] {
           return ::fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                              static_cast<off_t>(length));
         });
}

bool Worker::Allocate() {
  const auto file = PickFile();
  if (!file) return true;
  const int fd = Open(*file);
  const uint64_t offset = AnyOffset(model_.files.at(*file).now().size());
  const uint64_t length = AnyLength();
  return fd >= 0 && Change(*file, {Kind::kAllocate, offset, length, 0, false}, "allocate",
                           [&] { return ::fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(length)); });
}

}  // namespace tdefs::crash
