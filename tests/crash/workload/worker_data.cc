// Worker: operations on content.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/crash/workload/units.h"
#include "tests/crash/workload/worker.h"

namespace tdefs::crash {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kReadBytes = 256 << 10;

thread_local sigjmp_buf after_fault;

// Copies to mapped memory; false if a page of it cannot be had any more, for which the kernel sends SIGBUS.
bool CopyToMapping(char* to, const std::string& from) {
  struct sigaction handler {};
  handler.sa_handler = [](int) { siglongjmp(after_fault, 1); };
  ::sigaction(SIGBUS, &handler, nullptr);
  if (sigsetjmp(after_fault, 1) != 0) return false;
  std::memcpy(to, from.data(), from.size());
  return true;
}

// Memory as O_DIRECT wants it.
struct Free {
  void operator()(char* memory) const { std::free(memory); }
};
using AlignedBuffer = std::unique_ptr<char, Free>;
AlignedBuffer Aligned(size_t size) {
  return AlignedBuffer(static_cast<char*>(std::aligned_alloc(kPage, size)));
}

// A mapping of a file; unmapped at the end.
struct Unmap {
  size_t length = 0;
  void operator()(char* start) const { ::munmap(start, length); }
};

}  // namespace

std::span<const Worker::Operation> Worker::DataOperations() {
  static constexpr std::array<Operation, 9> kOperations = {{{10, &Worker::WriteInside},
                                                            {3, &Worker::WriteAligned},
                                                            {2, &Worker::WriteDirect},
                                                            {6, &Worker::Append},
                                                            {3, &Worker::WriteDurably},
                                                            {4, &Worker::WriteMapped},
                                                            {4, &Worker::SyncFile},
                                                            {2, &Worker::SyncData},
                                                            {3, &Worker::CheckContent}}};
  return kOperations;
}

bool Worker::WriteInside() {
  const auto file = PickFile();
  return !file || WriteSomething(*file, Open(*file));
}

bool Worker::WriteAligned() {
  const auto file = PickFile();
  if (!file) return true;
  const uint64_t size = model_.files.at(*file).now().size();
  return Write(*file, Open(*file), random_.Below(size / kPage + 2) * kPage, random_.Between(1, 16) * kPage);
}

bool Worker::WriteDirect() {
  const auto file = PickNamedFile();
  if (!file) return true;
  UniqueFd fd = OpenNamed(*file, O_RDWR | O_DIRECT);
  if (!fd) return false;
  const uint64_t length = random_.Between(1, 40) * kPage;
  const uint64_t offset = random_.Below(model_.files.at(*file).now().size() / kPage + 2) * kPage;
  const AlignedBuffer buffer = Aligned(length);
  const uint32_t version = model_.next_version++;
  const std::string data = StreamOf(*file, version, offset, length);
  std::memcpy(buffer.get(), data.data(), length);
  const ContentChange change{ContentChange::Kind::kWrite, offset, length, version, false};
  return Change(*file, change, "direct write", [&]() -> int64_t {
    for (size_t done = 0; done < length;) {
      const ssize_t n = ::pwrite(fd.get(), buffer.get() + done, length - done, static_cast<off_t>(offset + done));
      if (n <= 0) return -1;
      done += static_cast<size_t>(n);
    }
    return 0;
  });
}

bool Worker::Append() {
  const auto file = PickNamedFile();
  if (!file) return true;
  UniqueFd fd = OpenNamed(*file, O_WRONLY | O_APPEND);
  return fd && Write(*file, fd.get(), model_.files.at(*file).now().size(), AnyLength());
}

bool Worker::WriteDurably() {
  const auto file = PickNamedFile();
  if (!file) return true;
  UniqueFd fd = OpenNamed(*file, O_RDWR | (random_.OneIn(2) ? O_DSYNC : O_SYNC));
  return fd && Write(*file, fd.get(), AnyOffset(model_.files.at(*file).now().size()), AnyLength(), true);
}

bool Worker::WriteMapped() {
  const auto file = PickFile();
  if (!file) return true;
  const uint64_t size = model_.files.at(*file).now().size();
  if (size == 0) return true;
  const int fd = Open(*file);
  if (fd < 0) return false;
  const uint64_t offset = random_.Below(size);
  const uint64_t length = random_.Between(1, std::min<uint64_t>(size - offset, 3 * kPage));
  const uint64_t start = offset / kPage * kPage;
  const size_t mapped_bytes = offset + length - start;
  void* address = ::mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(start));
  if (!Did(address == MAP_FAILED ? -1 : 0, "mmap")) return false;
  const std::unique_ptr<char, Unmap> mapping(static_cast<char*>(address), Unmap{mapped_bytes});
  const uint32_t version = model_.next_version++;
  const std::string data = StreamOf(*file, version, offset, length);
  const ContentChange change{ContentChange::Kind::kWrite, offset, length, version, true};
  return Change(*file, change, "write to a mapping", [&]() -> int64_t {
    if (CopyToMapping(mapping.get() + (offset - start), data)) return ::msync(mapping.get(), mapped_bytes, MS_SYNC);
    errno = EIO;
    return -1;
  });
}

bool Worker::SyncFile() {
  const auto file = PickFile();
  return !file || Sync(*file, Open(*file));
}

bool Worker::SyncData() {
  const auto file = PickFile();
  if (!file) return true;
  const int fd = Open(*file);
  if (fd < 0 || !MadeDurable(::fdatasync(fd), "fdatasync")) return false;
  model_.files.at(*file).Synced();
  return true;
}

// What is read while the mount lives is exactly what was written.
bool Worker::CheckContent() {
  const auto file = PickFile();
  if (!file) return true;
  const int fd = Open(*file);
  if (fd < 0) return false;
  UniqueFd direct;
  if (random_.OneIn(3) && !PathOf(*file).empty()) {
    direct = OpenNamed(*file, O_RDONLY | O_DIRECT);
    if (!direct) return false;
  }
  const std::string& expected = model_.files.at(*file).now();
  const AlignedBuffer buffer = Aligned(kReadBytes);
  std::string found;
  for (;;) {
    const ssize_t n = ::pread(direct ? direct.get() : fd, buffer.get(), kReadBytes, static_cast<off_t>(found.size()));
    if (!Did(n, "read")) return false;
    found.append(buffer.get(), static_cast<size_t>(n));
    if (n == 0) break;  // a short read may as well be one that the end of the daemon cut
  }
  if (found == expected) return true;
  const auto wrong = model_.files.at(*file).Wrong(found, After::kKill);
  run_.Failed(fmt::format("thread {}: file {} reads wrong: {}", model_.number, *file, wrong.value_or("")));
  return false;
}

}  // namespace tdefs::crash
