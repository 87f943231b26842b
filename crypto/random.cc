#include "crypto/random.h"

#include <openssl/rand.h>

#include "crypto/openssl.h"

namespace tdefs {
namespace {

// Asked of the generator, in bits: that of the longest key.
constexpr unsigned kStrengthBits = 256;

}  // namespace

Status FillRandom(ByteSpan out) {
  if (out.empty()) return {};
  if (RAND_bytes_ex(nullptr, AsUnsigned(out.data()), out.size(), kStrengthBits) != 1) return CryptoFailure("random");
  return {};
}

Result<SecretBytes> RandomSecret(size_t size_bytes) {
  SecretBytes secret(size_bytes);
  if (size_bytes == 0) return secret;
  if (RAND_priv_bytes_ex(nullptr, AsUnsigned(secret.span().data()), size_bytes, kStrengthBits) != 1) {
    return CryptoFailure("random key");
  }
  return secret;
}

}  // namespace tdefs
