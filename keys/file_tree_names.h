// NameArena: the names of the file tree, packed into 64 KiB chunks in units of 8 bytes. A freed name goes to the free
// list of its size, so that a store that makes and removes files for years does not grow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tdefs {

inline constexpr size_t kNameBytesMax = 255;  // NAME_MAX of Linux

class NameArena {
 public:
  using Ref = uint32_t;  // number of the name's first unit

  NameArena();
  // Requires: name.size() <= kNameBytesMax.
  Ref Add(std::string_view name);
  void Free(Ref ref);
  std::string_view Get(Ref ref) const;

  // As ChunkedArray's.
  NameArena Freeze();
  void Thaw();
  uint64_t memory_bytes() const;

 private:
  static constexpr uint32_t kUnitSize = 8;
  static constexpr uint32_t kChunkUnits = 8192;
  static constexpr size_t kSizeClasses = (kNameBytesMax + 1) / kUnitSize;
  struct Chunk {
    std::shared_ptr<char[]> data;
    bool shared = false;
  };
  static uint32_t UnitsFor(size_t name_bytes);
  const char* At(Ref ref) const;
  char* Edit(Ref ref);  // copies the chunk first if it is shared
  void PutOnFreeList(Ref ref, uint32_t units);
  Ref TakeFresh(uint32_t units);

  std::vector<Chunk> chunks_;
  uint32_t next_fresh_ = 0;                   // first unit that was never used
  std::array<Ref, kSizeClasses> free_heads_;  // by units - 1; the next Ref lies in the freed name's first bytes
};

}  // namespace tdefs
