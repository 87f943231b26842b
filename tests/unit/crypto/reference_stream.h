// A second counter mode to test against, from the definition in SP 800-38A 6.5: each counter block is encrypted alone
// by the block cipher (ECB of one block), and counters are counted up byte by byte.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "base/bytes.h"
#include "base/method.h"
#include "crypto/counter.h"

namespace tdefs {

class ReferenceStream {
 public:
  ReferenceStream(Method method, ByteView key);
  // The keystream of bytes [offset_bytes, offset_bytes + size) under this IV.
  Bytes Keystream(const Iv& iv, uint64_t offset_bytes, size_t size);
  // `in` XOR the keystream.
  Bytes Transform(const Iv& iv, uint64_t offset_bytes, ByteView in);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> block_cipher_;
};

}  // namespace tdefs
