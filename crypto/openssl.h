// What the files of crypto/ share about OpenSSL: owners of its objects, and its error queue as an Error.
// Private to crypto/: no header that others include may include this one.
#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace tdefs {

struct OpensslFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, OpensslFree>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, OpensslFree>;

// EVP takes lengths as int; longer input goes in pieces of at most this size, a multiple of every block size.
inline constexpr size_t kEvpBytesMax = size_t{1} << 30;

inline const unsigned char* AsUnsigned(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}
inline unsigned char* AsUnsigned(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

// kCrypto with the newest entry of this thread's OpenSSL error queue, which is emptied.
std::unexpected<Error> CryptoFailure(std::string_view operation);

}  // namespace tdefs
