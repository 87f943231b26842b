#include "tests/mount/model/extents.h"

#include <algorithm>
#include <cstring>

#include "tests/mount/model/world.h"

namespace tdefs::model {
namespace {

constexpr uint64_t kUnit = 16, kBlock = 4096;

// Moves an offset onto, or just beside, a multiple of a unit or block.
uint64_t NearEdge(Random& random, uint64_t offset) {
  switch (random.Below(6)) {
    case 0:
      return offset / kBlock * kBlock;
    case 1:
      return offset / kUnit * kUnit;
    case 2:
      return offset / kBlock * kBlock + random.Below(kUnit * 2);
    case 3:
      return std::max(offset / kBlock * kBlock, kUnit) - random.Below(kUnit);
    default:
      return offset;
  }
}

}  // namespace

uint64_t AnyOffset(Random& random, uint64_t size_bytes) {
  if (random.OneIn(400)) return NearEdge(random, random.Below(kSparseBytesMax));
  switch (random.Below(8)) {
    case 0:
      return size_bytes;
    case 1:
      return size_bytes + random.Below(3 * kBlock);
    case 2:
      return NearEdge(random, random.Below(kUsualBytesMax));
    case 3:
      return NearEdge(random, random.Below(kBlock * 8));
    default:
      return size_bytes == 0 ? 0 : NearEdge(random, random.Below(size_bytes));
  }
}

uint64_t AnyLength(Random& random) {
  switch (random.Below(12)) {
    case 0:
      return random.Between(1, 16) * kBlock;
    case 1:
      return random.Between(1, 256) * kUnit;
    case 2:
    case 3:
    case 4:
      return random.Between(1, 3 * kUnit);
    case 5:
      return random.OneIn(8) ? random.Between(1, 64 * kBlock) : random.Between(1, 8 * kBlock);
    default:
      return random.Between(1, kBlock + 300);
  }
}

uint64_t AnySize(Random& random, uint64_t size_bytes) {
  switch (random.Below(6)) {
    case 0:
      return 0;
    case 1:
      return size_bytes - std::min(size_bytes, random.Below(40));
    case 2:
      return size_bytes + random.Below(40);
    case 3:
      return size_bytes == 0 ? 0 : NearEdge(random, random.Below(size_bytes));
    default:
      return AnyOffset(random, std::min(size_bytes, kUsualBytesMax));
  }
}

std::string AnyData(Random& random, uint64_t length_bytes) {
  std::string data(length_bytes, '\0');
  if (random.OneIn(8)) return data;
  for (size_t at = 0; at < data.size(); at += 8) {
    uint64_t value = random.Next();
    std::memcpy(data.data() + at, &value, std::min<size_t>(8, data.size() - at));
  }
  if (!random.OneIn(8)) return data;
  for (uint64_t runs = random.Between(1, 4); runs > 0; --runs) {
    uint64_t begin = random.Below(length_bytes);
    uint64_t end = std::min(length_bytes, begin + random.Between(1, 2 * kBlock));
    std::fill(data.begin() + static_cast<int64_t>(begin), data.begin() + static_cast<int64_t>(end), '\0');
  }
  return data;
}

}  // namespace tdefs::model
