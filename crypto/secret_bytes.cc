#include "crypto/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/require.h"

namespace tdefs {
namespace {

// The smallest piece that the heap hands out: the size of a 256-bit key.
constexpr size_t kSecureHeapPieceBytes = 32;

// Sets up the secure heap at the first call. True if its memory is locked.
bool SecureHeapIsLocked() {
  static std::once_flag once;
  static bool is_locked = false;
  std::call_once(once, [] {
    // 1: ready; 2: ready, but not all of its protections could be had, the lock among them; 0: failed.
    const int outcome = CRYPTO_secure_malloc_init(kSecureHeapBytes, kSecureHeapPieceBytes);
    Require(outcome != 0, "the secure heap for keys cannot be set up: no memory, or another library was first");
    is_locked = outcome == 1;
  });
  return is_locked;
}

}  // namespace

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  SecureHeapIsLocked();
  data_ = static_cast<std::byte*>(OPENSSL_secure_zalloc(size));
  Require(data_ != nullptr, "the secure heap for keys is exhausted");
}

SecretBytes::SecretBytes(ByteView copy_of) : SecretBytes(copy_of.size()) {
  std::copy(copy_of.begin(), copy_of.end(), data_);
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  Release();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretBytes::~SecretBytes() {
  Release();
}

void SecretBytes::Release() {
  OPENSSL_secure_clear_free(data_, size_);
}

bool SecretsEqual(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Wipe(ByteSpan bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

bool SecretMemoryIsLocked() {
  return SecureHeapIsLocked();
}

}  // namespace tdefs
