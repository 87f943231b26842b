#include "crypto/aead.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/require.h"
#include "crypto/openssl.h"
#include "crypto/secret_bytes.h"

namespace tdefs {
namespace {

// Fetched once and kept for the life of the process.
EVP_CIPHER* GcmAlgorithm() {
  static EVP_CIPHER* const kAlgorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return kAlgorithm;
}

// Encrypts or decrypts `in` to `out`; associated data has no output, so `out` is null for it.
bool Update(EVP_CIPHER_CTX* context, ByteView in, std::byte* out) {
  for (size_t done = 0; done < in.size();) {
    const size_t piece = std::min(in.size() - done, kEvpBytesMax);
    unsigned char* to = out == nullptr ? nullptr : AsUnsigned(out + done);
    int written = 0;
    if (EVP_CipherUpdate(context, to, &written, AsUnsigned(in.data() + done), static_cast<int>(piece)) != 1) {
      return false;
    }
    done += piece;
  }
  return true;
}

// GCM has no padding: the last call writes nothing, but OpenSSL wants somewhere to write it.
bool Finish(EVP_CIPHER_CTX* context) {
  unsigned char nothing[kAeadTagBytes];
  int written = 0;
  return EVP_CipherFinal_ex(context, nothing, &written) == 1 && written == 0;
}

}  // namespace

struct Aead::Impl {
  CipherContext context;
};

Aead::Aead(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

Result<Aead> Aead::Create(ByteView key) {
  if (key.size() != kAeadKeyBytes) {
    return Fail(ErrorCode::kCrypto, "aes-256-gcm: key of " + std::to_string(key.size()) + " bytes, expected " +
                                        std::to_string(kAeadKeyBytes));
  }
  if (GcmAlgorithm() == nullptr) return CryptoFailure("fetch AES-256-GCM");
  auto impl = std::make_unique<Impl>(CipherContext(EVP_CIPHER_CTX_new()));
  if (!impl->context ||
      EVP_EncryptInit_ex2(impl->context.get(), GcmAlgorithm(), AsUnsigned(key.data()), nullptr, nullptr) != 1) {
    return CryptoFailure("aes-256-gcm key");
  }
  return Aead(std::move(impl));
}

Status Aead::Seal(const AeadNonce& nonce, ByteView associated_data, ByteView plaintext, ByteSpan out) {
  Require(out.size() == plaintext.size() + kAeadTagBytes, "Aead::Seal: room for the ciphertext and the tag");
  EVP_CIPHER_CTX* context = impl_->context.get();
  std::byte* tag = out.data() + plaintext.size();
  const bool sealed = EVP_EncryptInit_ex2(context, nullptr, nullptr, AsUnsigned(nonce.data()), nullptr) == 1 &&
                      Update(context, associated_data, nullptr) && Update(context, plaintext, out.data()) &&
                      Finish(context) &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kAeadTagBytes), tag) == 1;
  if (!sealed) return CryptoFailure("aes-256-gcm seal");
  return {};
}

bool Aead::Open(const AeadNonce& nonce, ByteView associated_data, ByteView sealed, ByteSpan out) {
  Require(sealed.size() == out.size() + kAeadTagBytes, "Aead::Open: room for the plaintext");
  EVP_CIPHER_CTX* context = impl_->context.get();
  // Copied first: the parameter is not const to OpenSSL, and `out` may start where `sealed` does.
  std::array<std::byte, kAeadTagBytes> tag;
  std::ranges::copy(sealed.last(kAeadTagBytes), tag.begin());
  // The last step compares the tags in constant time (NIST SP 800-38D, 7.2).
  const bool verified =
      EVP_DecryptInit_ex2(context, nullptr, nullptr, AsUnsigned(nonce.data()), nullptr) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kAeadTagBytes), tag.data()) == 1 &&
      Update(context, associated_data, nullptr) && Update(context, sealed.first(out.size()), out.data()) &&
      Finish(context);
  if (!verified) Wipe(out);
  return verified;
}

}  // namespace tdefs
