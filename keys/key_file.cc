#include "keys/key_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>

#include "base/file_io.h"
#include "base/unique_fd.h"
#include "crypto/random.h"

namespace tdefs {
namespace {

constexpr size_t kDigits = 2 * kMasterKeyBytes;
constexpr size_t kKeyFileBytes = kDigits + 1;
constexpr size_t kReadBytesMax = 2 * kKeyFileBytes;  // enough to count the digits of a key that is a little too long

std::unexpected<Error> Refuse(const std::string& path, std::string_view defect) {
  return Fail(ErrorCode::kBadKeyFile, fmt::format("key file {}: {}", path, defect));
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<uint8_t> DigitValue(std::byte digit) {
  auto c = static_cast<char>(digit);
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

Result<UniqueFd> OpenKeyFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (fd) return fd;
  switch (errno) {
    case ENOENT:
      return Refuse(path, "does not exist");
    case ELOOP:
      return Refuse(path, "is a symbolic link, expected a regular file");
    case ENXIO:
      return Refuse(path, "is a socket, expected a regular file");
    default:
      return Refuse(path, fmt::format("cannot be opened: {}", strerrordesc_np(errno)));
  }
}

Status CheckAttributes(const std::string& path, const struct stat& attributes) {
  if (S_ISDIR(attributes.st_mode)) return Refuse(path, "is a directory, expected a regular file");
  if (S_ISFIFO(attributes.st_mode)) return Refuse(path, "is a FIFO, expected a regular file");
  if (!S_ISREG(attributes.st_mode)) return Refuse(path, "is not a regular file");
  if (attributes.st_uid != ::geteuid() && attributes.st_uid != 0) {
    return Refuse(path, fmt::format("is owned by uid {}, expected {} or root", attributes.st_uid, ::geteuid()));
  }
  const mode_t mode = attributes.st_mode & 07777;
  if ((mode & ~mode_t{0600}) != 0) return Refuse(path, fmt::format("has mode {:04o}, expected 0600 or less", mode));
  if (attributes.st_size == 0) return Refuse(path, "is empty, expected 64 hexadecimal digits and a newline");
  if (static_cast<uint64_t>(attributes.st_size) > kReadBytesMax) {
    return Refuse(path, fmt::format("has {} bytes, expected {}", attributes.st_size, kKeyFileBytes));
  }
  return {};
}

// The key of a file's whole content. Positions, never characters, are named: they are key material.
Result<SecretBytes> ParseKey(const std::string& path, ByteView content) {
  constexpr std::byte kNewline{'\n'};
  constexpr std::byte kReturn{'\r'};
  const bool ends_in_newline = content.back() == kNewline;
  ByteView digits = ends_in_newline ? content.first(content.size() - 1) : content;
  if (!digits.empty() && digits.back() == kReturn) return Refuse(path, "ends in CRLF, expected a bare newline");

  SecretBytes key(kMasterKeyBytes);
  uint8_t seen = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    std::optional<uint8_t> value = DigitValue(digits[i]);
    if (!value) return Refuse(path, fmt::format("the character at offset {} is not a hexadecimal digit", i));
    seen |= *value;
    if (i < kDigits) key.span()[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? *value << 4 : *value);
  }
  if (digits.size() != kDigits) {
    return Refuse(path, fmt::format("has {} hexadecimal digits, expected {}", digits.size(), kDigits));
  }
  if (!ends_in_newline) return Refuse(path, "has no newline after its 64 digits");
  if (seen == 0) return Refuse(path, "the key is all zeros");
  return key;
}

SecretBytes EncodeKey(const SecretBytes& key) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  SecretBytes text(kKeyFileBytes);
  ByteSpan out = text.span();
  for (size_t i = 0; i < kMasterKeyBytes; ++i) {
    const auto value = static_cast<uint8_t>(key.view()[i]);
    out[2 * i] = static_cast<std::byte>(kHexDigits[value >> 4]);
    out[2 * i + 1] = static_cast<std::byte>(kHexDigits[value & 15]);
  }
  out[kDigits] = std::byte{'\n'};
  return text;
}

// The path without symlinks; nothing if it does not exist.
std::optional<std::string> Resolve(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  if (!resolved) return std::nullopt;
  return std::string(resolved.get());
}

bool IsWithin(const std::string& path, const std::string& dir) {
  if (dir == "/" || path == dir) return true;
  return path.starts_with(dir + "/");
}

}  // namespace

Status CreateKeyFile(const std::string& path) {
  const SecretBytes key = TRY(RandomSecret(kMasterKeyBytes));
  const SecretBytes text = EncodeKey(key);
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && errno == EEXIST) return Refuse(path, "exists already and is never overwritten");
  if (!fd) return FailErrno(errno, "create key file " + path);
  auto write = [&]() -> Status {
    if (::fchmod(fd.get(), 0600) != 0) return FailErrno(errno, "chmod key file " + path);  // whatever the umask took
    TRY(WriteAt(fd.get(), text.view(), 0));
    if (::fsync(fd.get()) != 0) return FailErrno(errno, "fsync key file " + path);
    UniqueFd dir = TRY(OpenAt(AT_FDCWD, DirectoryOf(path), O_RDONLY | O_DIRECTORY));
    if (::fsync(dir.get()) != 0) return FailErrno(errno, "fsync of the directory of key file " + path);
    return {};
  };
  Status status = write();
  if (!status) ::unlink(path.c_str());
  return status;
}

Result<SecretBytes> ReadKeyFile(const std::string& path) {
  UniqueFd fd = TRY(OpenKeyFile(path));
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno(errno, "stat key file " + path);
  TRY(CheckAttributes(path, attributes));
  SecretBytes content(kReadBytesMax);
  const size_t size = TRY(ReadAt(fd.get(), content.span(), 0));
  if (size == 0) return Refuse(path, "became empty while it was read");
  return ParseKey(path, content.view().first(size));
}

Status RefuseKeyInside(const std::string& path, const std::string& backing_dir) {
  std::optional<std::string> backing = Resolve(backing_dir);
  if (!backing) return FailErrno(errno, "resolve " + backing_dir);
  // Where the name lies and, if it is a symlink, where it leads: neither may be inside.
  const std::optional<std::string> places[] = {Resolve(DirectoryOf(path)), Resolve(path)};
  for (const auto& place : places) {
    if (place && IsWithin(*place, *backing)) {
      return Fail(ErrorCode::kBadPath, fmt::format("key file {}: lies inside the store {}; keep it elsewhere, so that "
                                                   "a copy of the store does not hold its key",
                                                   path, *backing));
    }
  }
  return {};
}

}  // namespace tdefs
