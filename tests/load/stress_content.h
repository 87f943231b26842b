// Contents that say whose they are: each 16-byte unit holds {file id, version of the write, number of the unit}, so
// that a file under a wrong key, of another file or of another time is recognised by any one of its units.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace stress {

inline constexpr uint64_t kUnitBytes = 16;

struct UnitText {
  uint64_t file = 0;
  uint32_t version = 0, number = 0;
};
static_assert(sizeof(UnitText) == kUnitBytes);

// What one file must hold, byte for byte.
class Content {
 public:
  explicit Content(uint64_t file) : file_(file) {}
  uint64_t file() const { return file_; }
  uint64_t size() const { return size_; }

  // The bytes of a write of a new version. Requires: offset is a multiple of 16; so is offset + size, or it is no less
  // than size().
  std::string Write(uint64_t offset, uint64_t size) {
    ++version_;
    const uint64_t end = offset + size;
    if (end > size_) Resize(end);
    for (uint64_t unit = offset / kUnitBytes; unit * kUnitBytes < end; ++unit) {
      const uint64_t bytes = end - unit * kUnitBytes;
      units_[unit] = {version_, static_cast<uint8_t>(bytes < kUnitBytes ? bytes : kUnitBytes)};
    }
    return Expected(offset, size);
  }

  void Resize(uint64_t size) {
    size_ = size;
    units_.resize((size + kUnitBytes - 1) / kUnitBytes);
    const uint64_t tail = size % kUnitBytes;
    if (tail != 0 && units_.back().bytes > tail) units_.back().bytes = static_cast<uint8_t>(tail);
  }

  // Requires: both are multiples of 16, inside the file.
  void Punch(uint64_t offset, uint64_t size) {
    for (uint64_t unit = offset / kUnitBytes; unit < (offset + size) / kUnitBytes; ++unit) units_[unit] = {};
  }

  std::string Expected(uint64_t offset, uint64_t size) const {
    std::string text(size, '\0');
    for (uint64_t at = 0; at < size;) {
      const uint64_t number = (offset + at) / kUnitBytes, skip = (offset + at) % kUnitBytes;
      const uint64_t count = std::min(kUnitBytes - skip, size - at);
      const Unit& unit = units_[number];
      if (unit.bytes > skip) {
        const UnitText whole{file_, unit.version, static_cast<uint32_t>(number)};
        std::array<char, kUnitBytes> bytes{};
        std::memcpy(bytes.data(), &whole, unit.bytes);
        std::memcpy(text.data() + at, bytes.data() + skip, count);
      }
      at += count;
    }
    return text;
  }

  // Why the bytes found are not these; empty if they are.
  std::string Difference(std::string_view found) const {
    if (found.size() != size_) return Say("size", size_, found.size());
    const std::string expected = Expected(0, size_);
    if (found == expected) return {};
    uint64_t at = 0;
    while (found[at] == expected[at]) ++at;
    at -= at % kUnitBytes;
    UnitText read{};
    std::memcpy(&read, found.data() + at, std::min<uint64_t>(kUnitBytes, size_ - at));
    std::string text =
        Say("offset", at, size_) + "; expected version " + std::to_string(units_[at / kUnitBytes].version);
    return text + " of file " + std::to_string(file_) + ", found version " + std::to_string(read.version) +
           " of file " + std::to_string(read.file) + ", unit " + std::to_string(read.number);
  }

 private:
  struct Unit {
    uint32_t version = 0;
    uint8_t bytes = 0;  // those that were written; the rest are zeros
  };
  static std::string Say(const char* what, uint64_t expected, uint64_t found) {
    return std::string(what) + " " + std::to_string(expected) + " of " + std::to_string(found);
  }

  uint64_t file_;
  uint64_t size_ = 0;
  uint32_t version_ = 0;
  std::vector<Unit> units_;
};

}  // namespace stress
