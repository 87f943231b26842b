// offsets_probe DIRECTORY [LIMITS]: what a filesystem answers at far offsets, one line a step, so that the answers of a
// mount can be compared with those of the directory below it (LIMITS). Contents follow from their offsets and are read
// back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

using Position = int64_t;
constexpr Position kTiB = Position{1} << 40, kGiB = Position{1} << 30;
constexpr Position kMax = INT64_MAX;

void Say(const char* what, Position at, Position result) {
  const int error = errno;
  std::printf("%s at %" PRId64 ": %s", what, at, result < 0 ? strerrorname_np(error) : "");
  if (result >= 0) std::printf("%" PRId64, result);
  std::printf("\n");
}

void SaySize(int fd) {
  struct stat attributes {};
  Say("size", 0, fstat(fd, &attributes) == 0 ? attributes.st_size : -1);
}

// Differs from one 16-byte unit to the next over the whole range of offsets, and within it.
std::string Pattern(Position offset, size_t size) {
  std::string text(size, '\0');
  for (size_t at = 0; at < size; ++at) {
    const auto place = static_cast<uint64_t>(offset) + at;
    text[at] = static_cast<char>((place * 0x9e3779b97f4a7c15U >> 40) ^ place);
  }
  return text;
}

void Write(int fd, Position offset, size_t size) {
  const std::string text = Pattern(offset, size);
  errno = 0;
  Say(("write of " + std::to_string(size)).c_str(), offset, pwrite(fd, text.data(), size, offset));
}

// Says which part is as written, which is zeros, and whether anything is neither.
void Read(int fd, Position offset, size_t size) {
  std::string found(size, '\xaa');
  errno = 0;
  const ssize_t count = pread(fd, found.data(), size, offset);
  Say(("read of " + std::to_string(size)).c_str(), offset, count);
  const std::string expected = Pattern(offset, size);
  std::string kinds;
  for (ssize_t at = 0; at < count; ++at) {
    const auto place = static_cast<size_t>(at);
    const char kind = found[place] == expected[place] ? 'w' : found[place] == 0 ? '0' : '?';
    if (kinds.empty() || kinds.back() != kind) kinds += kind;
  }
  // A byte of the pattern may be zero by chance, so a run of zeros within it is no difference.
  std::printf("  content: %s\n", kinds.find('?') != std::string::npos   ? "neither written nor zeros"
                                 : kinds.find('w') != std::string::npos ? "written"
                                                                        : "zeros");
}

void Seek(int fd, Position offset, int whence, const char* name) {
  errno = 0;
  Say(name, offset, lseek(fd, offset, whence));
}

void Truncate(int fd, Position size) {
  errno = 0;
  Say("truncate", size, ftruncate(fd, size));
  SaySize(fd);
}

void Allocate(int fd, int mode, Position offset, Position length) {
  errno = 0;
  Say(("fallocate mode " + std::to_string(mode) + " of " + std::to_string(length)).c_str(), offset,
      fallocate(fd, mode, offset, length));
  SaySize(fd);
}

int New(const std::string& path) {
  std::printf("-- %s\n", path.substr(path.rfind('/') + 1).c_str());
  return open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
}

// A sparse file of 1 TiB, with data on both sides of where a counter of 32 bits (64 GiB) would start anew.
void Sparse(const std::string& directory) {
  const int fd = New(directory + "/sparse");
  Truncate(fd, kTiB);
  const std::array<Position, 9> places = {0,          4 * kGiB - 24,  32 * kGiB - 8, 64 * kGiB - 4096, 64 * kGiB,
                                          128 * kGiB, 512 * kGiB + 3, kTiB - 4096,   kTiB - 5};
  for (const Position place : places) Write(fd, place, 4096);
  for (const Position place : places) Read(fd, place, 4096);
  // The same place in each 64 GiB: with a counter of 32 bits their ciphertexts would be under one keystream.
  for (Position turn = 1; turn < 4; ++turn) Write(fd, turn * 64 * kGiB + 16384, 64);
  for (Position turn = 0; turn < 4; ++turn) Read(fd, turn * 64 * kGiB + 16384, 64);
  Seek(fd, 0, SEEK_END, "seek to the end");
  Seek(fd, 2 * kTiB, SEEK_DATA, "seek to data");
  Seek(fd, 2 * kTiB, SEEK_HOLE, "seek to a hole");
  Seek(fd, kTiB, SEEK_DATA, "seek to data");
  Allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 64 * kGiB - 100, 4000);
  Read(fd, 64 * kGiB - 90, 3900);
  Read(fd, 64 * kGiB - 4096, 3900);
  Allocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, kTiB - 4096, 5000);
  Truncate(fd, 512 * kGiB + 7);
  Read(fd, 512 * kGiB + 3, 4096);
  Truncate(fd, kTiB);
  Read(fd, 512 * kGiB + 7, 4096);
  struct stat attributes {};
  fstat(fd, &attributes);
  std::printf("blocks are few: %d\n", attributes.st_blocks < 4096);
  close(fd);
}

void NearTheEnd(const std::string& directory, Position limit) {
  const int fd = New(directory + "/end");
  std::printf("the largest size: %" PRId64 "\n", limit);
  Write(fd, 0, 5);
  for (const Position size : {limit, limit - 1, limit - 4096}) {
    Truncate(fd, size);
    Read(fd, 0, 16);
    Truncate(fd, 5);
  }
  if (limit < kMax) Truncate(fd, limit + 1);
  if (limit < kMax) Truncate(fd, limit + 16 - limit % 16);
  Truncate(fd, kMax - kMax % 4096);
  Truncate(fd, kMax);
  Truncate(fd, -1);
  Truncate(fd, 5);
  // Writes that end before, at and behind the limit.
  for (const Position place : {limit - 8192, limit - 4103, limit - 33, limit - 5}) {
    Write(fd, place, 4096);
    SaySize(fd);
    Read(fd, place, 4096);
  }
  Write(fd, limit, 1);
  if (limit < kMax) Write(fd, limit + 100, 10);
  Write(fd, kMax - 1, 1);
  Write(fd, kMax, 1);
  SaySize(fd);
  Truncate(fd, 7);
  for (const Position place : {limit - 8192, limit - 4096, limit}) {
    Allocate(fd, 0, place, 4096);
    Allocate(fd, FALLOC_FL_KEEP_SIZE, place, 4096);
  }
  Truncate(fd, 9);
  Allocate(fd, 0, kMax - 4096, 4096);
  Allocate(fd, 0, kMax - 10, 20);
  Allocate(fd, 0, -5, 20);
  Allocate(fd, 0, 0, 0);
  Allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, limit - 8192, 8191);
  Allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kMax - 8192, 8191);
  Allocate(fd, FALLOC_FL_ZERO_RANGE, limit - 8192, 8191);
  Read(fd, 0, 16);
  Read(fd, limit - 16, 16);
  Read(fd, kMax - 16, 16);
  Read(fd, kMax, 16);
  Seek(fd, kMax, SEEK_SET, "seek");
  Seek(fd, -1, SEEK_SET, "seek");
  Seek(fd, kMax, SEEK_DATA, "seek to data");
  close(fd);
}

// The largest size of a file, as the backing directory has it.
Position Limit(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDWR | O_TMPFILE, 0600);
  Position good = 0, bad = kMax;
  if (ftruncate(fd, kMax) == 0) good = kMax;
  while (good != kMax && bad - good > 1) {
    const Position middle = good + (bad - good) / 2;
    (ftruncate(fd, middle) == 0 ? good : bad) = middle;
  }
  close(fd);
  return good;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 && count != 3) {
    std::fprintf(stderr, "usage: %s DIRECTORY [DIRECTORY_WHOSE_LIMIT_COUNTS]\n", arguments[0]);
    return 2;
  }
  const std::string directory = arguments[1];
  Sparse(directory);
  NearTheEnd(directory, Limit(arguments[count - 1]));
  return 0;
}
