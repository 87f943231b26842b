// ContentCipher: file content under one data key, at any offset, without changing its length.
//
// Counter mode exactly as OpenSSL's and TiKV's: the counter of a 16-byte unit is IV + offset/16 as a 128-bit
// big-endian number with carry (NIST SP 800-38A; GB/T 32907 for SM4). A unit whose ciphertext is all zero is a hole and
// reads as zeros (DESIGN 5, R10): sparse files need no map of holes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/method.h"
#include "crypto/secret_bytes.h"

namespace tdefs {

inline constexpr size_t kUnitBytes = 16;
inline constexpr size_t kZeroBlockBytes = 4096;
using Iv = std::array<std::byte, 16>;

// Thread-safe and immutable. The expanded key schedules live in a pool of OpenSSL contexts, one a concurrent user, so a
// request sets an IV and nothing else; destroying the object frees and wipes them all.
class ContentCipher {
 public:
  // Requires: key.size() == MethodKeyBytes(method), and method is not plaintext.
  static Result<std::shared_ptr<const ContentCipher>> Create(Method method, ByteView key);
  ~ContentCipher();

  // Plain counter mode of `in` to `out`, with no regard for holes: encrypts and decrypts alike.
  // Requires: equal sizes; out.data() == in.data() or no overlap. Aborts if OpenSSL fails: it cannot on valid input.
  void Transform(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const;

  // Content to be stored: as Transform, but 4 KiB blocks of plaintext zeros that are aligned in the file are stored as
  // zeros, so that zero-filled files put no bare keystream on the disk.
  void Encrypt(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const;

  // Stored content to be read, in place: whole zero units stay zeros; the unit at the end, if partial, is always data.
  // Requires: offset_bytes is a multiple of kUnitBytes.
  void Decrypt(const Iv& iv, uint64_t offset_bytes, ByteSpan content) const;

  Method method() const { return method_; }

 private:
  struct Context;
  ContentCipher(Method method, SecretBytes key);
  std::unique_ptr<Context> Borrow() const;
  void Return(std::unique_ptr<Context> context) const;

  Method method_;
  SecretBytes key_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Context>> idle_;  // guarded by mutex_
};

// True if every byte is zero.
bool IsZero(ByteView bytes);

}  // namespace tdefs
