#include "tests/mount/model/hexdump.h"

#include <fmt/format.h>

#include <algorithm>

namespace tdefs::model {
namespace {

constexpr size_t kRow = 16;
constexpr size_t kRowsBefore = 3, kRowsAfter = 6;

std::string Row(const std::string& bytes, size_t begin) {
  std::string row;
  for (size_t at = begin; at < begin + kRow; ++at) {
    row += at < bytes.size() ? fmt::format(" {:02x}", static_cast<unsigned char>(bytes[at])) : " --";
  }
  return row;
}

}  // namespace

std::string HexdumpAroundDifference(const std::string& on_mount, const std::string& on_plain) {
  auto mount_at = std::mismatch(on_mount.begin(), on_mount.end(), on_plain.begin(), on_plain.end()).first;
  auto first = static_cast<size_t>(mount_at - on_mount.begin());
  size_t differing = 0;
  for (size_t at = 0; at < std::min(on_mount.size(), on_plain.size()); ++at) differing += on_mount[at] != on_plain[at];
  std::string text =
      fmt::format("  {} bytes on the mount, {} on the plain side, first difference at {} of this window, {} differ\n",
                  on_mount.size(), on_plain.size(), first, differing);
  size_t row = first / kRow;
  for (size_t at = row < kRowsBefore ? 0 : row - kRowsBefore; at <= row + kRowsAfter; ++at) {
    size_t begin = at * kRow;
    if (begin >= std::max(on_mount.size(), on_plain.size())) break;
    text += fmt::format("  {:8} mount{}\n           plain{}\n", begin, Row(on_mount, begin), Row(on_plain, begin));
  }
  return text;
}

}  // namespace tdefs::model
