// HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104): one derived key a purpose, one label a purpose.
#pragma once

#include <array>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret_bytes.h"

namespace tdefs {

// Extract and expand. `label` is the RFC's info; size_bytes at most 255 * 32.
Result<SecretBytes> HkdfSha256(ByteView input_key, ByteView salt, ByteView label, size_t size_bytes);

using Hmac = std::array<std::byte, 32>;
// The MAC of the concatenation of `parts`.
Result<Hmac> HmacSha256(ByteView key, std::span<const ByteView> parts);

}  // namespace tdefs
