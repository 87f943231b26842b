#include "reference_stream.h"

#include <stdexcept>

namespace tdefs {
namespace {

const EVP_CIPHER* BlockCipher(Method method) {
  switch (method) {
    case Method::kPlaintext:
      return nullptr;
    case Method::kAes128Ctr:
      return EVP_aes_128_ecb();
    case Method::kAes192Ctr:
      return EVP_aes_192_ecb();
    case Method::kAes256Ctr:
      return EVP_aes_256_ecb();
    case Method::kSm4Ctr:
      return EVP_sm4_ecb();
  }
  return nullptr;
}

// Schoolbook addition, the last byte first: slow, and nothing like the code under test.
Iv Plus(Iv counter, uint64_t units) {
  for (size_t i = counter.size(); i-- > 0 && units != 0;) {
    units += static_cast<uint64_t>(counter[i]);
    counter[i] = static_cast<std::byte>(units % 256);
    units /= 256;
  }
  return counter;
}

}  // namespace

ReferenceStream::ReferenceStream(Method method, ByteView key) : block_cipher_(EVP_CIPHER_CTX_new()) {
  const auto* key_data = reinterpret_cast<const unsigned char*>(key.data());
  if (EVP_EncryptInit_ex(block_cipher_.get(), BlockCipher(method), nullptr, key_data, nullptr) != 1) {
    throw std::runtime_error("the reference cipher does not start");
  }
  EVP_CIPHER_CTX_set_padding(block_cipher_.get(), 0);
}

Bytes ReferenceStream::Keystream(const Iv& iv, uint64_t offset_bytes, size_t size) {
  Bytes stream;
  for (uint64_t unit = offset_bytes / 16; stream.size() < size + 16; ++unit) {
    const Iv counter = Plus(iv, unit);
    unsigned char block[32];
    int written = 0;
    EVP_EncryptUpdate(block_cipher_.get(), block, &written, reinterpret_cast<const unsigned char*>(counter.data()), 16);
    if (written != 16) throw std::runtime_error("the reference cipher does not encrypt");
    const auto* bytes = reinterpret_cast<const std::byte*>(block);
    stream.insert(stream.end(), bytes, bytes + 16);
  }
  stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(offset_bytes % 16));
  stream.resize(size);
  return stream;
}

Bytes ReferenceStream::Transform(const Iv& iv, uint64_t offset_bytes, ByteView in) {
  Bytes out = Keystream(iv, offset_bytes, in.size());
  for (size_t i = 0; i < in.size(); ++i) out[i] ^= in[i];
  return out;
}

}  // namespace tdefs
