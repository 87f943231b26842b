#include "crypto/content_cipher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/require.h"
#include "crypto/counter_stream.h"

namespace tdefs {
namespace {

// Idle key schedules kept for one data key; more are freed when they come back.
constexpr size_t kIdleStreamsMax = 64;
// Content is scanned and then decrypted in runs of this size, so that it is in the first-level cache the second time.
constexpr size_t kRunBytes = 16 << 10;
static_assert(kRunBytes % kZeroBlockBytes == 0);

// One request's way through its content, from its start to its end: seeks only where something was left out.
class Walk {
 public:
  Walk(CounterStream& stream, const Iv& iv, uint64_t offset_bytes)
      : stream_(stream), iv_(iv), offset_bytes_(offset_bytes) {}

  // Transforms `in`, which lies `begin` bytes behind the start of the request, to `out`.
  void Transform(size_t begin, ByteView in, ByteSpan out) {
    if (in.empty()) return;
    if (begin != position_) stream_.Seek(iv_, offset_bytes_ + begin);
    stream_.Apply(in, out);
    position_ = begin + in.size();
  }

 private:
  CounterStream& stream_;
  const Iv& iv_;
  const uint64_t offset_bytes_;
  size_t position_ = std::numeric_limits<size_t>::max();
};

}  // namespace

// A stream for the length of one request.
class ContentCipher::Loan {
 public:
  explicit Loan(const ContentCipher& lender) : lender_(lender), stream_(lender.Borrow()) {}
  ~Loan() { lender_.Return(std::move(stream_)); }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  CounterStream& stream() { return *stream_; }

 private:
  const ContentCipher& lender_;
  std::unique_ptr<CounterStream> stream_;
};

ContentCipher::ContentCipher(Method method, SecretBytes key) : method_(method), key_(std::move(key)) {
  idle_.reserve(kIdleStreamsMax);  // so that Return never allocates
}

ContentCipher::~ContentCipher() = default;

Result<std::shared_ptr<const ContentCipher>> ContentCipher::Create(Method method, ByteView key) {
  auto first = TRY(CounterStream::Create(method, key));
  std::shared_ptr<const ContentCipher> cipher(new ContentCipher(method, SecretBytes(key)));
  cipher->Return(std::move(first));
  return cipher;
}

std::unique_ptr<CounterStream> ContentCipher::Borrow() const {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto stream = std::move(idle_.back());
      idle_.pop_back();
      return stream;
    }
  }
  auto stream = CounterStream::Create(method_, key_.view());
  Require(stream.has_value(), "ContentCipher: OpenSSL expands a key that it has expanded before");
  return *std::move(stream);
}

void ContentCipher::Return(std::unique_ptr<CounterStream> stream) const {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleStreamsMax) idle_.push_back(std::move(stream));
}

void ContentCipher::Transform(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const {
  Require(in.size() == out.size(), "ContentCipher::Transform: input and output are of one size");
  Loan loan(*this);
  Walk(loan.stream(), iv, offset_bytes).Transform(0, in, out);
}

void ContentCipher::Encrypt(const Iv& iv, uint64_t offset_bytes, ByteView in, ByteSpan out) const {
  Require(in.size() == out.size(), "ContentCipher::Encrypt: input and output are of one size");
  Loan loan(*this);
  Walk walk(loan.stream(), iv, offset_bytes);
  size_t done = 0;
  auto transform_to = [&](size_t end) {
    walk.Transform(done, in.subspan(done, end - done), out.subspan(done, end - done));
  };
  const size_t first_block = (kZeroBlockBytes - offset_bytes % kZeroBlockBytes) % kZeroBlockBytes;
  for (size_t at = first_block; at + kZeroBlockBytes <= in.size(); at += kZeroBlockBytes) {
    if (!IsZero(in.subspan(at, kZeroBlockBytes))) continue;
    transform_to(at);
    std::ranges::fill(out.subspan(at, kZeroBlockBytes), std::byte{0});
    done = at + kZeroBlockBytes;
  }
  transform_to(in.size());
}

void ContentCipher::EncryptZeros(const Iv& iv, uint64_t offset_bytes, ByteSpan out) const {
  std::ranges::fill(out, std::byte{0});
  Transform(iv, offset_bytes, out, out);
}

void ContentCipher::Decrypt(const Iv& iv, uint64_t offset_bytes, ByteSpan content) const {
  Require(offset_bytes % kUnitBytes == 0, "ContentCipher::Decrypt: the offset is the start of a unit");
  Loan loan(*this);
  Walk walk(loan.stream(), iv, offset_bytes);
  size_t done = 0;
  auto transform_to = [&](size_t end) {
    const ByteSpan run = content.subspan(done, end - done);
    walk.Transform(done, run, run);
    done = end;
  };
  for (size_t at = 0; at < content.size(); at += kZeroBlockBytes) {
    const ByteSpan block = content.subspan(at, std::min(kZeroBlockBytes, content.size() - at));
    const size_t end = at + block.size();
    if (!MayHoldZeroUnit(block)) {
      if (end - done >= kRunBytes) transform_to(end);
      continue;
    }
    transform_to(at);
    if (block.size() % kUnitBytes == 0 && IsZero(block)) {
      done = end;
      continue;
    }
    const UnitSet holes = FindZeroUnits(block);
    transform_to(end);
    ClearUnits(block, holes);
  }
  transform_to(content.size());
}

}  // namespace tdefs
