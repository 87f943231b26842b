// Self-describing content: each 16-byte unit of a file says whose it is, where it belongs and which write made it, so
// that keystream, another file's bytes and bytes of another place are recognised.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tdefs::crash {

inline constexpr uint64_t kUnit = 16;  // bytes

// `length` bytes of the stream of this write of this file from `offset` on, which need not be aligned. A unit is file,
// number of the unit in the file, version and a check over the three, 32 bits each, big-endian.
std::string StreamOf(uint32_t file, uint32_t version, uint64_t offset, uint64_t length);

// True for a unit, or the beginning of one, of this file that belongs at this offset, of whatever version.
bool IsUnitAt(std::string_view unit, uint32_t file, uint64_t offset);

// What a unit (or the part of one at the end of a file) is, in words for a message: "zeros", "file 7, offset 4096,
// version 12", "no unit: <hexadecimal digits>".
std::string Describe(std::string_view unit);

}  // namespace tdefs::crash
