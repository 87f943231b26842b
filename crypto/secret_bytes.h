// SecretBytes: the only home of key bytes. Memory from OpenSSL's secure heap: locked, left out of core dumps, between
// guard pages, wiped on release. Move-only, and not printable.
//
// A memory lock is not inherited by fork(): a daemon forks before it makes its first SecretBytes.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace tdefs {

// Size of the secure heap of the process, shared by all SecretBytes.
inline constexpr size_t kSecureHeapBytes = size_t{1} << 20;

// Not thread-safe as an object; different objects may be made and destroyed by different threads.
class SecretBytes {
 public:
  SecretBytes() = default;
  // Zero-filled. Aborts where the secure heap (1 MiB, several thousand keys) is exhausted: a programmer error, since
  // every collection of keys is bounded.
  explicit SecretBytes(size_t size);
  explicit SecretBytes(ByteView copy_of);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  SecretBytes Clone() const { return SecretBytes(view()); }
  ByteView view() const { return {data_, size_}; }
  ByteSpan span() { return {data_, size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void Release();

  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Constant-time in the content; different sizes are unequal.
bool SecretsEqual(ByteView a, ByteView b);
// Overwrites bytes that held something secret outside SecretBytes (a read buffer); never optimised away.
void Wipe(ByteSpan bytes);
// True when the secure heap is locked in memory; false where RLIMIT_MEMLOCK forbids it (the caller warns).
bool SecretMemoryIsLocked();

}  // namespace tdefs
