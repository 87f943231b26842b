#include "crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <string>

#include "crypto/openssl.h"

namespace tdefs {
namespace {

// OpenSSL takes parameters as pointers to non-const; it only reads these.
char kSha256Name[] = "SHA256";

// OpenSSL refuses empty input at a null address, or takes it for "as before".
const std::byte* NonNull(ByteView bytes) {
  static constexpr std::byte kNothing{};
  return bytes.empty() ? &kNothing : bytes.data();
}

OSSL_PARAM OctetParam(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(NonNull(bytes)), bytes.size());
}

// Fetched once and kept for the life of the process.
EVP_KDF* HkdfAlgorithm() {
  static EVP_KDF* const kAlgorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  return kAlgorithm;
}

EVP_MAC* HmacAlgorithm() {
  static EVP_MAC* const kAlgorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return kAlgorithm;
}

}  // namespace

Result<SecretBytes> HkdfSha256(ByteView input_key, ByteView salt, ByteView label, size_t size_bytes) {
  if (size_bytes == 0 || size_bytes > kHkdfBytesMax) {
    return Fail(ErrorCode::kLimit, "hkdf: " + std::to_string(size_bytes) + " bytes asked for, from 1 to " +
                                       std::to_string(kHkdfBytesMax) + " can be derived");
  }
  if (HkdfAlgorithm() == nullptr) return CryptoFailure("fetch HKDF");
  KdfContext context(EVP_KDF_CTX_new(HkdfAlgorithm()));
  if (!context) return CryptoFailure("hkdf context");
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, kSha256Name, 0),
      OctetParam(OSSL_KDF_PARAM_KEY, input_key),
      OctetParam(OSSL_KDF_PARAM_SALT, salt),
      OctetParam(OSSL_KDF_PARAM_INFO, label),
      OSSL_PARAM_construct_end(),
  };
  SecretBytes derived(size_bytes);
  if (EVP_KDF_derive(context.get(), AsUnsigned(derived.span().data()), size_bytes, params) != 1) {
    return CryptoFailure("hkdf");
  }
  return derived;
}

Result<Hmac> HmacSha256(ByteView key, std::span<const ByteView> parts) {
  if (HmacAlgorithm() == nullptr) return CryptoFailure("fetch HMAC");
  MacContext context(EVP_MAC_CTX_new(HmacAlgorithm()));
  if (!context) return CryptoFailure("hmac context");
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, kSha256Name, 0),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_MAC_init(context.get(), AsUnsigned(NonNull(key)), key.size(), params) != 1) return CryptoFailure("hmac key");
  for (ByteView part : parts) {
    if (EVP_MAC_update(context.get(), AsUnsigned(part.data()), part.size()) != 1) return CryptoFailure("hmac");
  }
  Hmac mac;
  size_t mac_bytes = 0;
  if (EVP_MAC_final(context.get(), AsUnsigned(mac.data()), &mac_bytes, mac.size()) != 1 || mac_bytes != mac.size()) {
    return CryptoFailure("hmac");
  }
  return mac;
}

}  // namespace tdefs
