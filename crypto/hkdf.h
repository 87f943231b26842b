// HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104): one derived key a purpose, one label a purpose. Thread-safe.
#pragma once

#include <array>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret_bytes.h"

namespace tdefs {

using Hmac = std::array<std::byte, 32>;

inline constexpr size_t kHkdfBytesMax = 255 * sizeof(Hmac);

// Extract and expand. `label` is the RFC's info. kLimit unless 1 <= size_bytes <= kHkdfBytesMax; kCrypto otherwise.
Result<SecretBytes> HkdfSha256(ByteView input_key, ByteView salt, ByteView label, size_t size_bytes);

// The MAC of the concatenation of `parts`. Compare MACs with SecretsEqual.
Result<Hmac> HmacSha256(ByteView key, std::span<const ByteView> parts);

}  // namespace tdefs
