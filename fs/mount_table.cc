#include "fs/mount_table.h"

#include <fcntl.h>

#include <algorithm>
#include <ranges>

#include "base/file_io.h"

namespace tdefs {
namespace {

constexpr size_t kTableBytesMax = 64 << 20;
constexpr size_t kReadBytes = 64 << 10;

// mountinfo writes space, tab, newline and backslash as a backslash and three octal digits.
std::string Unescape(std::string_view field) {
  auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    const bool is_escape = field[i] == '\\' && i + 3 < field.size() && field[i + 1] <= '3' && is_octal(field[i + 1]) &&
                           is_octal(field[i + 2]) && is_octal(field[i + 3]);
    if (!is_escape) {
      text += field[i];
      continue;
    }
    text += static_cast<char>((field[i + 1] - '0') << 6 | (field[i + 2] - '0') << 3 | (field[i + 3] - '0'));
    i += 3;
  }
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> fields;
  for (auto&& field : text | std::views::split(separator)) fields.emplace_back(field.begin(), field.end());
  return fields;
}

// The options of the mount, read-only if the superblock is.
std::string JoinOptions(std::string_view mount, std::string_view superblock) {
  const bool superblock_is_read_only = superblock == "ro" || superblock.starts_with("ro,");
  std::string options(mount);
  if (superblock_is_read_only && (options == "rw" || options.starts_with("rw,"))) options.replace(0, 2, "ro");
  return options;
}

// proc(5): id parent major:minor root mount-point options optional-field… - type source superblock-options
std::optional<MountEntry> ParseLine(std::string_view line) {
  const std::vector<std::string_view> fields = Split(line, ' ');
  if (fields.size() < 10) return std::nullopt;
  const auto dash = std::find(fields.begin() + 6, fields.end(), "-");
  if (fields.end() - dash < 4 || dash[1] != kFilesystemType) return std::nullopt;
  if (fields[3] != "/") return std::nullopt;  // a bind mount of a directory inside a mount
  return MountEntry{Unescape(fields[4]), Unescape(dash[2]), std::string(fields[2]), JoinOptions(fields[5], dash[3])};
}

Result<std::string> ReadMountInfo() {
  UniqueFd fd = TRY(OpenAt(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY));
  std::string text;
  while (text.size() < kTableBytesMax) {
    const size_t offset = text.size();
    text.resize(offset + kReadBytes);
    const ByteSpan rest = std::as_writable_bytes(std::span(text)).subspan(offset);
    const size_t size = TRY(ReadAt(fd.get(), rest, offset));
    text.resize(offset + size);
    if (size < kReadBytes) return text;
  }
  return Fail(ErrorCode::kLimit, "/proc/self/mountinfo: larger than 64 MiB");
}

}  // namespace

std::vector<MountEntry> ParseMountInfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  for (std::string_view line : Split(text, '\n')) {
    if (std::optional<MountEntry> mount = ParseLine(line)) mounts.push_back(*std::move(mount));
  }
  return mounts;
}

Result<std::vector<MountEntry>> ListMounts() {
  return ParseMountInfo(TRY(ReadMountInfo()));
}

Result<std::optional<MountEntry>> FindMount(const std::string& path) {
  const std::vector<MountEntry> mounts = TRY(ListMounts());
  auto newest_first = mounts | std::views::reverse;
  auto found = std::ranges::find(newest_first, path, &MountEntry::mount_point);
  if (found == newest_first.end()) found = std::ranges::find(newest_first, path, &MountEntry::backing_dir);
  if (found == newest_first.end()) return std::nullopt;
  return *found;
}

}  // namespace tdefs
