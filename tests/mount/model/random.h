// A small random source whose whole run follows from one seed, on every machine and compiler (splitmix64).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tdefs::model {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // A number in [0, bound). Requires: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // A number in [first, last].
  uint64_t Between(uint64_t first, uint64_t last) { return first + Below(last - first + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // One element of an array or vector.
  template <typename Items>
  const auto& Pick(const Items& items) {
    return items[static_cast<size_t>(Below(items.size()))];
  }

 private:
  uint64_t state_;
};

}  // namespace tdefs::model
