// Throughput of content encryption by method and block size, and of sealing dictionary records. Content is in the
// cache, so these are the ciphers and tdefs's own work around them, one thread.
#include <benchmark/benchmark.h>

#include <string>

#include "crypto/aead.h"
#include "crypto/content_cipher.h"
#include "crypto/hkdf.h"

namespace tdefs {
namespace {

// Content and keys of the benchmark; not zero, since zero content is stored without the cipher.
constexpr std::byte kFiller{0x5a};
constexpr size_t kRecordBytes = 100;
constexpr int64_t kBlockBytes[] = {4 << 10, 16 << 10, 128 << 10};

enum class Content { kData, kHoles, kMixed };  // kMixed: one hole unit in each 4 KiB

Bytes MakeContent(size_t size, Content content) {
  Bytes bytes(size, content == Content::kHoles ? std::byte{0} : kFiller);
  if (content != Content::kMixed) return bytes;
  for (size_t at = 0; at < size; at += kZeroBlockBytes) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), kUnitBytes, std::byte{0});
  }
  return bytes;
}

void CountBytes(benchmark::State& state, size_t bytes_each) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes_each));
}

void Encrypt(benchmark::State& state, Method method, Content content) {
  const auto cipher = ContentCipher::Create(method, Bytes(MethodKeyBytes(method), kFiller)).value();
  const Bytes in = MakeContent(static_cast<size_t>(state.range(0)), content);
  Bytes out(in.size());
  for (auto _ : state) {
    cipher->Encrypt(Iv{}, 0, in, out);
    benchmark::ClobberMemory();
  }
  CountBytes(state, in.size());
}

void Decrypt(benchmark::State& state, Method method, Content content) {
  const auto cipher = ContentCipher::Create(method, Bytes(MethodKeyBytes(method), kFiller)).value();
  // Decrypted over and over: two decryptions give the first content back, and holes stay holes.
  Bytes bytes = MakeContent(static_cast<size_t>(state.range(0)), content);
  for (auto _ : state) {
    cipher->Decrypt(Iv{}, 0, bytes);
    benchmark::ClobberMemory();
  }
  CountBytes(state, bytes.size());
}

// Counter mode alone, without the rules for zeros: what Decrypt is measured against.
void Transform(benchmark::State& state, Method method) {
  const auto cipher = ContentCipher::Create(method, Bytes(MethodKeyBytes(method), kFiller)).value();
  Bytes bytes = MakeContent(static_cast<size_t>(state.range(0)), Content::kData);
  for (auto _ : state) {
    cipher->Transform(Iv{}, 0, bytes, bytes);
    benchmark::ClobberMemory();
  }
  CountBytes(state, bytes.size());
}

void SealRecord(benchmark::State& state) {
  auto aead = Aead::Create(Bytes(kAeadKeyBytes, kFiller)).value();
  const Bytes record(kRecordBytes, kFiller);
  const Bytes associated_data(24, kFiller);
  Bytes sealed(kRecordBytes + kAeadTagBytes);
  AeadNonce nonce{};
  uint64_t sequence = 0;
  for (auto _ : state) {
    StoreBigEndian(++sequence, nonce.data());
    benchmark::DoNotOptimize(aead.Seal(nonce, associated_data, record, sealed));
  }
  CountBytes(state, kRecordBytes);
}

void OpenRecord(benchmark::State& state) {
  auto aead = Aead::Create(Bytes(kAeadKeyBytes, kFiller)).value();
  const AeadNonce nonce{};
  Bytes record(kRecordBytes, kFiller);
  Bytes sealed(kRecordBytes + kAeadTagBytes);
  if (!aead.Seal(nonce, {}, record, sealed)) state.SkipWithError("seal failed");
  for (auto _ : state) benchmark::DoNotOptimize(aead.Open(nonce, {}, sealed, record));
  CountBytes(state, kRecordBytes);
}

void MacOfTag(benchmark::State& state) {
  const Bytes key(32, kFiller);
  const Bytes tag(32, kFiller);
  const ByteView parts[] = {tag};
  for (auto _ : state) benchmark::DoNotOptimize(HmacSha256(key, parts));
}

void RegisterContent(Method method) {
  const std::string name(MethodName(method));
  for (int64_t block : kBlockBytes) {
    benchmark::RegisterBenchmark(("Transform/" + name).c_str(), Transform, method)->Arg(block);
    benchmark::RegisterBenchmark(("Encrypt/" + name).c_str(), Encrypt, method, Content::kData)->Arg(block);
    benchmark::RegisterBenchmark(("Decrypt/" + name).c_str(), Decrypt, method, Content::kData)->Arg(block);
  }
}

}  // namespace
}  // namespace tdefs

int main(int argc, char** argv) {
  using namespace tdefs;
  for (Method method : kAllMethods) {
    if (method != Method::kPlaintext) RegisterContent(method);
  }
  constexpr int64_t kLargest = 128 << 10;
  benchmark::RegisterBenchmark("EncryptZeros/aes256-ctr", Encrypt, Method::kAes256Ctr, Content::kHoles)->Arg(kLargest);
  benchmark::RegisterBenchmark("DecryptHoles/aes256-ctr", Decrypt, Method::kAes256Ctr, Content::kHoles)->Arg(kLargest);
  benchmark::RegisterBenchmark("DecryptMixed/aes256-ctr", Decrypt, Method::kAes256Ctr, Content::kMixed)->Arg(kLargest);
  benchmark::RegisterBenchmark("SealRecord/100", SealRecord);
  benchmark::RegisterBenchmark("OpenRecord/100", OpenRecord);
  benchmark::RegisterBenchmark("MacOfTag", MacOfTag);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
