#include "tests/crash/workload/units.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes.h"

namespace tdefs::crash {
namespace {

using Unit = std::array<std::byte, kUnit>;

uint32_t CheckOf(uint32_t file, uint32_t number, uint32_t version) {
  uint64_t mixed = (uint64_t{file} << 32 | number) * 0x9e3779b97f4a7c15U + version;
  mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9U;
  return static_cast<uint32_t>(mixed >> 32);
}

Unit UnitOf(uint32_t file, uint32_t number, uint32_t version) {
  Unit unit;
  StoreBigEndian(file, unit.data());
  StoreBigEndian(number, unit.data() + 4);
  StoreBigEndian(version, unit.data() + 8);
  StoreBigEndian(CheckOf(file, number, version), unit.data() + 12);
  return unit;
}

}  // namespace

std::string StreamOf(uint32_t file, uint32_t version, uint64_t offset, uint64_t length) {
  std::string stream;
  stream.reserve(length + 2 * kUnit);
  const uint64_t first = offset / kUnit;
  for (uint64_t number = first; number * kUnit < offset + length; ++number) {
    stream += AsText(UnitOf(file, static_cast<uint32_t>(number), version));
  }
  return stream.substr(offset - first * kUnit, length);
}

bool IsUnitAt(std::string_view unit, uint32_t file, uint64_t offset) {
  std::string whole(unit);
  whole.resize(kUnit);
  const auto version = LoadBigEndian<uint32_t>(AsBytes(whole).data() + 8);
  const Unit expected = UnitOf(file, static_cast<uint32_t>(offset / kUnit), version);
  return AsText(expected).substr(0, unit.size()) == unit;
}

std::string Describe(std::string_view unit) {
  if (unit.find_first_not_of('\0') == std::string_view::npos) return fmt::format("{} zeros", unit.size());
  const ByteView bytes = AsBytes(unit);
  if (bytes.size() == kUnit) {
    const auto file = LoadBigEndian<uint32_t>(bytes.data());
    const auto number = LoadBigEndian<uint32_t>(bytes.data() + 4);
    const auto version = LoadBigEndian<uint32_t>(bytes.data() + 8);
    if (LoadBigEndian<uint32_t>(bytes.data() + 12) == CheckOf(file, number, version)) {
      return fmt::format("file {}, offset {}, version {}", file, number * kUnit, version);
    }
  }
  return fmt::format("no whole unit: {}", ToHex(bytes));
}

}  // namespace tdefs::crash
