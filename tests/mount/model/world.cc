#include "tests/mount/model/world.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/mount/model/hexdump.h"

namespace tdefs::model {
namespace {

constexpr time_t kYear2010 = 1262304000;
constexpr uint64_t kMargin = 48;            // bytes looked at on each side of a change
constexpr uint64_t kWindowMax = 256 << 10;  // bytes compared after one operation

std::string OutcomeText(const Outcome& outcome) {
  if (outcome.value < 0) return fmt::format("{} ({})", outcome.value, strerrorname_np(outcome.error));
  return fmt::format("{}", outcome.value);
}

bool IsText(const std::string& bytes) {
  return bytes.size() < 4096 &&
         std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

}  // namespace

std::string AttributeText(const struct stat& status) {
  std::string text =
      fmt::format("mode {:o} links {} uid {} gid {}", status.st_mode, status.st_nlink, status.st_uid, status.st_gid);
  if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) text += fmt::format(" size {}", status.st_size);
  if (status.st_mtim.tv_sec < kYear2010) {
    text += fmt::format(" mtime {}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return text;
}

World::World(uint64_t seed, std::string mount_path, std::string plain_path) : random(seed), seed_(seed) {
  mount.name = "mount";
  mount.path = std::move(mount_path);
  mount.is_mount = true;
  plain.name = "plain";
  plain.path = std::move(plain_path);
  OpenRoots();
}

void World::OpenRoots() {
  for (Tree* tree : {&mount, &plain}) {
    tree->root.Reset(open(tree->path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!tree->root) Fail(fmt::format("open {}: {}", tree->path, strerror(errno)));
  }
}

void World::Differ(const std::string& what, const Outcome& on_mount, const Outcome& on_plain) const {
  std::string text = fmt::format("{}: mount {}, plain {}", what, OutcomeText(on_mount), OutcomeText(on_plain));
  if (on_mount.bytes != on_plain.bytes) {
    if (IsText(on_mount.bytes) && IsText(on_plain.bytes)) {
      text += fmt::format("\n  mount: {}\n  plain: {}", on_mount.bytes, on_plain.bytes);
    } else {
      text += '\n';
      text += HexdumpAroundDifference(on_mount.bytes, on_plain.bytes);
    }
  }
  Fail(text);
}

void World::Fail(const std::string& what) const {
  fmt::print("FAIL model: seed {}, operation {}: {}\noperations before, the newest last:\n", seed_, operation_, what);
  for (const std::string& line : history_) fmt::print("  {}\n", line);
  fflush(stdout);
  _exit(1);
}

std::string World::CallCounts() const {
  std::string text;
  for (const auto& [what, calls] : calls_) {
    text += fmt::format("  {:24} {:8} succeeded {:8} failed\n", what, calls.succeeded, calls.failed);
  }
  return text;
}

int World::PickOpen() {
  for (int tries = 0; tries < 8; ++tries) {
    size_t slot = random.Below(kSlots);
    if (slots[slot].open) return static_cast<int>(slot);
  }
  return -1;
}

int World::PickFree() {
  int slot = static_cast<int>(random.Below(kSlots));
  CloseSlot(slot);
  return slot;
}

void World::CloseSlot(int slot) {
  auto index = static_cast<size_t>(slot);
  for (Tree* tree : {&mount, &plain}) {
    tree->file[index].Reset();
    tree->reader[index].Reset();
  }
  slots[index] = {};
}

void World::CloseAll() {
  for (int slot = 0; slot < static_cast<int>(kSlots); ++slot) CloseSlot(slot);
  mount.root.Reset();
  plain.root.Reset();
}

uint64_t World::PlainSize(int slot) const {
  struct stat status {};
  if (fstat(plain.file[static_cast<size_t>(slot)].get(), &status) != 0) Fail("fstat of the plain file");
  return static_cast<uint64_t>(status.st_size);
}

void World::CheckAttributes(int slot) {
  Both("fstat", [&](Tree& tree) {
    struct stat status {};
    Outcome outcome = Returned(fstat(tree.file[static_cast<size_t>(slot)].get(), &status));
    if (outcome.value == 0) outcome.bytes = AttributeText(status);
    return outcome;
  });
}

void World::CheckBytes(int slot, uint64_t offset_bytes, uint64_t size_bytes) {
  uint64_t begin = offset_bytes > kMargin ? offset_bytes - kMargin : 0;
  uint64_t length = std::min(size_bytes + (offset_bytes - begin) + kMargin, kWindowMax);
  int mount_reader = mount.reader[static_cast<size_t>(slot)].get();
  // Without this the kernel's page cache would answer and the filesystem under test would never be asked.
  if (random.OneIn(2)) posix_fadvise(mount_reader, 0, 0, POSIX_FADV_DONTNEED);
  Outcome same = Both("content", [&](Tree& tree) {
    std::string data(length, '\0');
    Outcome outcome = Returned(
        pread(tree.reader[static_cast<size_t>(slot)].get(), data.data(), data.size(), static_cast<off_t>(begin)));
    data.resize(outcome.value < 0 ? 0 : static_cast<size_t>(outcome.value));
    outcome.bytes = std::move(data);
    return outcome;
  });
  if (same.value < 0) Fail(fmt::format("pread at {} fails on both sides: {}", begin, strerror(same.error)));
}

}  // namespace tdefs::model
