#include "crypto/counter_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/require.h"
#include "crypto/openssl.h"
#include "crypto/secret_bytes.h"

namespace tdefs {
namespace {

// Null for plaintext and for what this OpenSSL does not offer. Fetched once and kept for the life of the process.
const EVP_CIPHER* CtrAlgorithm(Method method) {
  static const EVP_CIPHER* const kAes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  static const EVP_CIPHER* const kAes192 = EVP_CIPHER_fetch(nullptr, "AES-192-CTR", nullptr);
  static const EVP_CIPHER* const kAes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  static const EVP_CIPHER* const kSm4 = EVP_CIPHER_fetch(nullptr, "SM4-CTR", nullptr);
  switch (method) {
    case Method::kPlaintext:
      return nullptr;
    case Method::kAes128Ctr:
      return kAes128;
    case Method::kAes192Ctr:
      return kAes192;
    case Method::kAes256Ctr:
      return kAes256;
    case Method::kSm4Ctr:
      return kSm4;
  }
  return nullptr;
}

}  // namespace

struct CounterStream::Impl {
  CipherContext context;
};

CounterStream::CounterStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CounterStream::~CounterStream() = default;

Result<std::unique_ptr<CounterStream>> CounterStream::Create(Method method, ByteView key) {
  const std::string name(MethodName(method));
  if (method == Method::kPlaintext) return Fail(ErrorCode::kCrypto, "plaintext has no cipher");
  if (key.size() != MethodKeyBytes(method)) {
    return Fail(ErrorCode::kCrypto, name + ": key of " + std::to_string(key.size()) + " bytes, expected " +
                                        std::to_string(MethodKeyBytes(method)));
  }
  const EVP_CIPHER* algorithm = CtrAlgorithm(method);
  if (algorithm == nullptr) return CryptoFailure("fetch " + name);
  auto impl = std::make_unique<Impl>(CipherContext(EVP_CIPHER_CTX_new()));
  if (!impl->context ||
      EVP_EncryptInit_ex2(impl->context.get(), algorithm, AsUnsigned(key.data()), nullptr, nullptr) != 1) {
    return CryptoFailure(name + " key");
  }
  return std::unique_ptr<CounterStream>(new CounterStream(std::move(impl)));
}

void CounterStream::Seek(const Iv& iv, uint64_t offset_bytes) {
  const Iv counter = CounterAt(iv, offset_bytes);
  const int outcome = EVP_EncryptInit_ex2(impl_->context.get(), nullptr, nullptr, AsUnsigned(counter.data()), nullptr);
  Require(outcome == 1, "CounterStream::Seek: OpenSSL takes the counter");
  const size_t skipped = offset_bytes % kUnitBytes;
  if (skipped == 0) return;
  std::array<std::byte, kUnitBytes> keystream{};
  const ByteSpan head = ByteSpan(keystream).first(skipped);
  Apply(head, head);
  Wipe(head);
}

void CounterStream::Apply(ByteView in, ByteSpan out) {
  Require(in.size() == out.size(), "CounterStream::Apply: input and output are of one size");
  for (size_t done = 0; done < in.size();) {
    const int piece = static_cast<int>(std::min(in.size() - done, kEvpBytesMax));
    int written = 0;
    const int outcome = EVP_EncryptUpdate(impl_->context.get(), AsUnsigned(out.data() + done), &written,
                                          AsUnsigned(in.data() + done), piece);
    Require(outcome == 1 && written == piece, "CounterStream::Apply: OpenSSL transforms every byte");
    done += static_cast<size_t>(piece);
  }
}

}  // namespace tdefs
