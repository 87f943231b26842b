// ContentCipher: file content under one data key, at any offset, without changing its length.
//
// Counter mode exactly as OpenSSL's and TiKV's: the counter of a 16-byte unit is IV + offset/16 as a 128-bit
// big-endian number with carry (NIST SP 800-38A; GB/T 32907 for SM4). A unit whose ciphertext is all zero is a hole and
// reads as zeros (DESIGN 5, R10): sparse files need no map of holes.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/method.h"
#include "crypto/counter.h"
#include "crypto/secret_bytes.h"
#include "crypto/zero_units.h"

namespace tdefs {

class CounterStream;

// Thread-safe. The expanded key schedules live in a pool of OpenSSL contexts, one a concurrent user, so a request sets
// an IV and nothing else; destroying the object frees and wipes them all.
class ContentCipher {
 public:
  // kCrypto for plaintext, for a key of another length than the method's, or where OpenSSL does not offer the method.
  static Result<std::shared_ptr<const ContentCipher>> Create(Method method, ByteView key);
  ~ContentCipher();
  ContentCipher(const ContentCipher&) = delete;
  ContentCipher& operator=(const ContentCipher&) = delete;

  // Plain counter mode of `in` to `out`, with no regard for holes: encrypts and decrypts alike.
  // Requires: equal sizes; out.data() == in.data() or no overlap. Aborts if OpenSSL fails: it cannot on valid input.
  void Transform(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const;

  // Content to be stored: as Transform, but 4 KiB blocks of plaintext zeros that are aligned in the file are stored as
  // zeros, so that zero-filled files put no bare keystream on the disk.
  void Encrypt(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const;

  // E(0): fills `out` with what zeros at this offset are stored as where a hole cannot say it (DESIGN 5): the partial
  // unit at a file's end, and the edges of a write into a hole unit. It is keystream: only for the backing file.
  void EncryptZeros(const Iv& iv, uint64_t offset_bytes, ByteSpan out) const;

  // Stored content to be read, in place: whole zero units stay zeros; the unit at the end, if partial, is always data.
  // So content that ends inside a unit must end at the file's end: elsewhere the caller reads the whole unit.
  // Requires: offset_bytes is a multiple of kUnitBytes.
  void Decrypt(const Iv& iv, uint64_t offset_bytes, ByteSpan content) const;

  Method method() const { return method_; }

 private:
  class Loan;
  ContentCipher(Method method, SecretBytes key);
  std::unique_ptr<CounterStream> Borrow() const;
  void Return(std::unique_ptr<CounterStream> stream) const;

  const Method method_;
  const SecretBytes key_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<CounterStream>> idle_;  // guarded by mutex_
};

}  // namespace tdefs
