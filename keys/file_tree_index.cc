#include "keys/file_tree_index.h"

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "base/require.h"
#include "crypto/random.h"

namespace tdefs {
namespace {

constexpr size_t kFirstSlots = 16;

// The high and low half of a 64 x 64 bit product folded together: the mixing step of wyhash (Wang Yi, public domain).
__extension__ using Product = unsigned __int128;
uint64_t Mix(uint64_t a, uint64_t b) {
  const Product product = static_cast<Product>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// So that nobody can choose names that collide.
uint64_t RandomSeed() {
  std::array<std::byte, sizeof(uint64_t)> seed;
  Require(FillRandom(seed).has_value(), "random bytes for the index of names");
  return LoadBigEndian<uint64_t>(seed.data());
}

}  // namespace

NameIndex::NameIndex() : seed_(RandomSeed()) {}

uint32_t NameIndex::Hash(uint32_t parent, std::string_view name) const {
  constexpr uint64_t kOdd1 = 0xa0761d6478bd642f, kOdd2 = 0xe7037ed1a0b428db;
  uint64_t state = Mix(seed_ ^ parent, kOdd1);
  const char* at = name.data();
  size_t left = name.size();
  for (; left > 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state = Mix(state ^ word, kOdd2);
  }
  uint64_t last = 0;
  std::memcpy(&last, at, left);
  state = Mix(state ^ last, kOdd1 ^ name.size());
  state = Mix(state ^ seed_, kOdd2);
  return static_cast<uint32_t>(state ^ state >> 32);
}

void NameIndex::Place(std::vector<Slot>& slots, Slot slot) {
  const size_t mask = slots.size() - 1;
  size_t at = slot.hash & mask;
  while (slots[at].node != kNoIndex) at = (at + 1) & mask;
  slots[at] = slot;
}

void NameIndex::Insert(uint32_t hash, uint32_t node) {
  Table& table = tables_[hash >> 24];
  if (table.used * 4 >= table.slots.size() * 3) {
    std::vector<Slot> grown(table.slots.empty() ? kFirstSlots : table.slots.size() * 2);
    for (const Slot& slot : table.slots) {
      if (slot.node != kNoIndex) Place(grown, slot);
    }
    table.slots = std::move(grown);
  }
  Place(table.slots, {hash, node});
  ++table.used;
}

void NameIndex::Remove(uint32_t hash, uint32_t node) {
  Table& table = tables_[hash >> 24];
  std::vector<Slot>& slots = table.slots;
  if (slots.empty()) std::abort();
  const size_t mask = slots.size() - 1;
  size_t hole = hash & mask;
  while (slots[hole].node != node) {
    if (slots[hole].node == kNoIndex) std::abort();  // broken tree: a programmer error
    hole = (hole + 1) & mask;
  }
  // Close the gap: each later slot of the run moves up unless that would put it before its own place.
  for (size_t at = (hole + 1) & mask; slots[at].node != kNoIndex; at = (at + 1) & mask) {
    const size_t home = slots[at].hash & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      slots[hole] = slots[at];
      hole = at;
    }
  }
  slots[hole] = Slot{};
  --table.used;
}

uint64_t NameIndex::memory_bytes() const {
  uint64_t bytes = sizeof(*this);
  for (const Table& table : tables_) bytes += table.slots.capacity() * sizeof(Slot);
  return bytes;
}

}  // namespace tdefs
