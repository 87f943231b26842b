// CounterStream: the keystream of one data key, with its key schedule expanded once. Seek sets an IV and nothing else.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "base/method.h"
#include "crypto/counter.h"

namespace tdefs {

// Not thread-safe: ContentCipher keeps one for each concurrent user.
class CounterStream {
 public:
  // kCrypto for plaintext, for a key of another length than the method's, or where OpenSSL does not offer the method.
  static Result<std::unique_ptr<CounterStream>> Create(Method method, ByteView key);
  // Frees and wipes the key schedule.
  ~CounterStream();
  CounterStream(const CounterStream&) = delete;
  CounterStream& operator=(const CounterStream&) = delete;

  // The next Apply starts with the keystream of byte `offset_bytes` of a file of this IV.
  void Seek(const Iv& iv, uint64_t offset_bytes);
  // XORs `in` with the keystream into `out`, and moves on by in.size().
  // Requires: Seek came before; equal sizes; out.data() == in.data() or no overlap. Aborts if OpenSSL fails.
  void Apply(ByteView in, ByteSpan out);

 private:
  struct Impl;
  explicit CounterStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
