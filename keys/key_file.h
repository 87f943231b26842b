// The master key file: exactly 64 hexadecimal digits and a newline, TiKV's format; a regular file of mode 0600 or less.
#pragma once

#include <string>

#include "base/error.h"
#include "crypto/secret_bytes.h"

namespace tdefs {

inline constexpr size_t kMasterKeyBytes = 32;

// Makes a file with a new random 256-bit key, mode 0600, durably. Never overwrites (kBadKeyFile). After any other error
// no file is left.
Status CreateKeyFile(const std::string& path);
// The 32 key bytes. Each defect has its own message (kBadKeyFile): missing, directory, FIFO or other kind, symlink,
// mode or owner, empty, 63 or 65 digits, CRLF, no newline, not hexadecimal, all zeros.
Result<SecretBytes> ReadKeyFile(const std::string& path);
// kBadPath if `path` lies inside `backing_dir` (both are resolved), as named or as a symlink leads. A path whose
// directory does not exist lies nowhere: reading it says so.
Status RefuseKeyInside(const std::string& path, const std::string& backing_dir);

}  // namespace tdefs
