// World: the two trees that must stay alike, the files held open in both, and the run's history.
// Every operation is a function of one tree that World calls on both; what it returns is compared.
#pragma once

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "tests/mount/model/random.h"

namespace tdefs::model {

inline constexpr size_t kSlots = 12;  // files held open at a time
inline constexpr uint64_t kUsualBytesMax = 1 << 20;
inline constexpr uint64_t kSparseBytesMax = 100ULL << 30;

// One tree. `reader` is a second, read-only, buffered descriptor of the file in `file`.
struct Tree {
  std::string name;  // "mount" or "plain"
  std::string path;
  bool is_mount = false;
  UniqueFd root;
  std::array<UniqueFd, kSlots> file, reader;
  std::string Absolute(const std::string& below) const { return path + "/" + below; }
};

// What one call did in one tree; both trees must give the same.
struct Outcome {
  int64_t value = 0;
  int error = 0;      // errno if value < 0
  std::string bytes;  // data or text that the call produced

  bool operator==(const Outcome&) const = default;
};
// The outcome of a system call's return value; takes errno now.
inline Outcome Returned(int64_t value) {
  return {value, value < 0 ? errno : 0, {}};
}

struct Slot {
  bool open = false;
  int flags = 0;     // of the mount's descriptor
  std::string name;  // at the time it was opened, for messages
};

class World {
 public:
  World(uint64_t seed, std::string mount_path, std::string plain_path);

  // Says what is done next; kept for the report.
  template <typename... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) {
    history_.push_back(fmt::format("{}: {}", operation_, fmt::format(format, std::forward<Args>(args)...)));
    if (history_.size() > kHistory) history_.pop_front();
  }
  // Calls `call(tree)` on the mount and then on the plain tree, and ends the run if the outcomes differ.
  template <typename Call>
  Outcome Both(const char* what, const Call& call) {
    Outcome on_mount = call(mount);
    Outcome on_plain = call(plain);
    if (on_mount != on_plain) Differ(what, on_mount, on_plain);
    ++(on_plain.value < 0 ? calls_[what].failed : calls_[what].succeeded);
    return on_plain;
  }
  // Ends the run: prints the seed, the operation, both outcomes and the operations before.
  [[noreturn]] void Differ(const std::string& what, const Outcome& on_mount, const Outcome& on_plain) const;
  [[noreturn]] void Fail(const std::string& what) const;

  // A slot that holds an open file; -1 if there is none. A slot to open something in (its old file is closed).
  int PickOpen();
  int PickFree();
  void CloseSlot(int slot);
  void CloseAll();  // and the roots
  void OpenRoots();

  // Compares mode, links, owner, size and set times of the slot's file.
  void CheckAttributes(int slot);
  // Compares the content of the slot's file around [offset, offset + size), often past the page cache.
  void CheckBytes(int slot, uint64_t offset_bytes, uint64_t size_bytes);
  uint64_t PlainSize(int slot) const;

  Random random;
  bool use_direct = true;  // open some files of the mount with O_DIRECT
  Tree mount, plain;
  std::array<Slot, kSlots> slots;
  // How often each call succeeded and failed (alike in both trees), one a line: shows what a run really exercised.
  std::string CallCounts() const;
  void set_operation(uint64_t number) { operation_ = number; }

 private:
  static constexpr size_t kHistory = 40;
  uint64_t seed_;
  uint64_t operation_ = 0;
  std::deque<std::string> history_;
  struct Calls {
    uint64_t succeeded = 0, failed = 0;
  };
  std::map<std::string, Calls> calls_;
};

// The attributes that both trees must share, as text. Times count only where a program set them (before 2010).
std::string AttributeText(const struct stat& status);

}  // namespace tdefs::model
