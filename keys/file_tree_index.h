// NameIndex: the hash table of the file tree, from the hash of (parent, name) to a node. Open addressing with linear
// probing, split by the top bits of the hash into 256 tables that grow on their own: growing never stops for more than
// one 256th of the whole, nor doubles the memory at once.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "keys/file_tree_arrays.h"

namespace tdefs {

class NameIndex {
 public:
  NameIndex();

  // Seeded for each index, so that nobody can prepare names that collide.
  uint32_t Hash(uint32_t parent, std::string_view name) const;

  // The node under `hash` for which matches(node) holds, else kNoIndex.
  template <typename Matches>
  uint32_t Find(uint32_t hash, Matches&& matches) const {
    const std::vector<Slot>& slots = tables_[hash >> 24].slots;
    if (slots.empty()) return kNoIndex;
    const size_t mask = slots.size() - 1;
    for (size_t at = hash & mask; slots[at].node != kNoIndex; at = (at + 1) & mask) {
      if (slots[at].hash == hash && matches(slots[at].node)) return slots[at].node;
    }
    return kNoIndex;
  }
  void Insert(uint32_t hash, uint32_t node);
  // Requires: the node was inserted under this hash.
  void Remove(uint32_t hash, uint32_t node);

  uint64_t memory_bytes() const;

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t node = kNoIndex;
  };
  struct Table {
    std::vector<Slot> slots;  // a power of two of them, or none
    size_t used = 0;
  };
  static void Place(std::vector<Slot>& slots, Slot slot);

  uint64_t seed_;
  std::array<Table, 256> tables_;
};

}  // namespace tdefs
