// Random bytes from OpenSSL's generator (seeded by the kernel); failure is an error, never weaker bytes.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret_bytes.h"

namespace tdefs {

// For IVs, nonces, salts and ids.
Status FillRandom(ByteSpan out);
// For keys: from the private generator (RAND_priv_bytes).
Result<SecretBytes> RandomSecret(size_t size_bytes);

}  // namespace tdefs
