// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags: wraps keys and seals the dictionaries.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"

namespace tdefs {

inline constexpr size_t kAeadKeyBytes = 32;
inline constexpr size_t kAeadNonceBytes = 12;
inline constexpr size_t kAeadTagBytes = 16;
using AeadNonce = std::array<std::byte, kAeadNonceBytes>;

// Seals and opens under one key; keeps the expanded key schedule, which is wiped with the object. Not thread-safe: one
// object a user. A moved-from object may only be destroyed or assigned to.
class Aead {
 public:
  // kCrypto for a key of another length than kAeadKeyBytes.
  static Result<Aead> Create(ByteView key);
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  // Writes plaintext.size() bytes of ciphertext and then the tag to `out`.
  // Requires: out.size() == plaintext.size() + kAeadTagBytes; no overlap but out.data() == plaintext.data().
  // The nonce must never repeat under one key.
  Status Seal(const AeadNonce& nonce, ByteView associated_data, ByteView plaintext, ByteSpan out);
  // Writes the plaintext to `out` and returns true if the tag verifies; else returns false and leaves `out` zeroed.
  // Requires: sealed.size() == out.size() + kAeadTagBytes; no overlap but out.data() == sealed.data().
  bool Open(const AeadNonce& nonce, ByteView associated_data, ByteView sealed, ByteSpan out);

 private:
  struct Impl;
  explicit Aead(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
