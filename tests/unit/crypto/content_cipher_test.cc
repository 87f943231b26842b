// Counter mode at any place: whatever the request, the bytes are those of one stream over the whole file.
#include "crypto/content_cipher.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/checked.h"
#include "reference_stream.h"
#include "vectors.h"

namespace tdefs {
namespace {

class ContentCipherTest : public testing::TestWithParam<Method> {
 protected:
  static std::shared_ptr<const ContentCipher> MakeCipher() {
    return ContentCipher::Create(GetParam(), TestKey(GetParam())).value();
  }
  static ReferenceStream MakeReference() { return {GetParam(), TestKey(GetParam())}; }

  // Compares a request at `offset_bytes` with the reference, in place and from one buffer to another.
  static void ExpectReference(const ContentCipher& cipher, const Iv& iv, uint64_t offset_bytes, size_t size) {
    ReferenceStream reference = MakeReference();
    const Bytes in = NonZeroBytes(size, static_cast<uint32_t>(offset_bytes));
    const Bytes expected = reference.Transform(iv, offset_bytes, in);
    Bytes out(size);
    cipher.Transform(iv, offset_bytes, in, out);
    EXPECT_EQ(out, expected) << "offset " << offset_bytes << " size " << size;
    out = in;
    cipher.Transform(iv, offset_bytes, out, out);
    EXPECT_EQ(out, expected) << "in place, offset " << offset_bytes << " size " << size;
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, ContentCipherTest, testing::ValuesIn(kCtrMethods), [](const auto& param) {
  std::string name(MethodName(param.param));
  std::erase(name, '-');
  return name;
});

const Iv kIv = IvOf("00112233445566778899aabbccddeeff");

TEST_P(ContentCipherTest, MethodIsKept) {
  EXPECT_EQ(MakeCipher()->method(), GetParam());
}

TEST_P(ContentCipherTest, KeyOfAnotherLengthIsRefused) {
  for (size_t size : {size_t{0}, MethodKeyBytes(GetParam()) - 1, MethodKeyBytes(GetParam()) + 1}) {
    auto cipher = ContentCipher::Create(GetParam(), Bytes(size));
    ASSERT_FALSE(cipher) << size;
    EXPECT_EQ(cipher.error().code, ErrorCode::kCrypto);
    EXPECT_NE(cipher.error().message.find(MethodName(GetParam())), std::string::npos);
  }
}

TEST_P(ContentCipherTest, EachOffsetAndLengthIsAPieceOfOneStream) {
  const auto cipher = MakeCipher();
  const Bytes whole = NonZeroBytes(160, 7);
  Bytes encrypted(whole.size());
  cipher->Transform(kIv, 0, whole, encrypted);
  EXPECT_EQ(encrypted, MakeReference().Transform(kIv, 0, whole));
  for (size_t offset = 0; offset <= 40; ++offset) {
    for (size_t size = 0; size <= 100; ++size) {
      const ByteView expected = ByteView(encrypted).subspan(offset, size);
      Bytes piece(size);
      cipher->Transform(kIv, offset, ByteView(whole).subspan(offset, size), piece);
      ASSERT_TRUE(std::ranges::equal(piece, expected)) << "transform, offset " << offset << " size " << size;
      cipher->Encrypt(kIv, offset, ByteView(whole).subspan(offset, size), piece);
      ASSERT_TRUE(std::ranges::equal(piece, expected)) << "encrypt, offset " << offset << " size " << size;
      if (offset % kUnitBytes != 0) continue;
      cipher->Decrypt(kIv, offset, piece);
      ASSERT_TRUE(std::ranges::equal(piece, ByteView(whole).subspan(offset, size))) << offset << " size " << size;
    }
  }
}

TEST_P(ContentCipherTest, LargeRandomPiecesArePiecesOfOneStream) {
  const auto cipher = MakeCipher();
  const Bytes whole = NonZeroBytes(300'000, 8);
  const Bytes encrypted = MakeReference().Transform(kIv, 0, whole);
  std::minstd_rand generator(9);
  for (int i = 0; i < 60; ++i) {
    const size_t offset = generator() % whole.size();
    const size_t size = generator() % (whole.size() - offset);
    const ByteView expected = ByteView(encrypted).subspan(offset, size);
    Bytes piece(size);
    cipher->Encrypt(kIv, offset, ByteView(whole).subspan(offset, size), piece);
    ASSERT_TRUE(std::ranges::equal(piece, expected)) << "offset " << offset << " size " << size;
    const size_t unit = AlignDown(offset, kUnitBytes);
    piece.assign(encrypted.begin() + static_cast<std::ptrdiff_t>(unit),
                 encrypted.begin() + static_cast<std::ptrdiff_t>(offset + size));
    cipher->Decrypt(kIv, unit, piece);
    ASSERT_TRUE(std::ranges::equal(piece, ByteView(whole).subspan(unit, piece.size()))) << "offset " << unit;
  }
}

TEST_P(ContentCipherTest, CounterCarriesThroughEveryByte) {
  const auto cipher = MakeCipher();
  for (std::string_view iv : {
           "000000000000000000000000ffffffff",  // 2^32
           "0011223344556677fffffffffffffffe",  // 2^64
           "00112233ffffffffffffffffffffffff",  // 2^96
           "ffffffffffffffffffffffffffffffff",  // 2^128: wraps to zero
           "fffffffffffffffffffffffffffffff0",
           "0000000000000000ffffffff00000000",
       }) {
    SCOPED_TRACE(iv);
    for (uint64_t offset : {0, 1, 15, 16, 17, 31, 240, 250, 4096}) ExpectReference(*cipher, IvOf(iv), offset, 600);
  }
}

TEST_P(ContentCipherTest, OffsetsBeyond64GiBAndNearTheEndOfOffTCount) {
  const auto cipher = MakeCipher();
  for (uint64_t offset : {
           (uint64_t{1} << 36) - 100,  // 64 GiB: 2^32 units
           (uint64_t{1} << 36) + 5,
           (uint64_t{1} << 40) - 48,
           (uint64_t{1} << 63) - 200,  // the largest off_t
           (uint64_t{1} << 63) - 1,
       }) {
    ExpectReference(*cipher, kIv, offset, 199);
    ExpectReference(*cipher, IvOf("fffffffffffffffffffffffffffffffd"), offset, 199);
  }
}

TEST_P(ContentCipherTest, EncryptZerosIsTheBareKeystream) {
  const auto cipher = MakeCipher();
  for (uint64_t offset : {0, 3, 16, 4095, 4096}) {
    for (size_t size : {0, 1, 13, 16, 5000}) {
      Bytes out = NonZeroBytes(size, 1);
      cipher->EncryptZeros(kIv, offset, out);
      EXPECT_EQ(out, MakeReference().Keystream(kIv, offset, size)) << "offset " << offset << " size " << size;
    }
  }
}

TEST_P(ContentCipherTest, KeysAndIvsMakeDifferentStreams) {
  const Bytes zeros(64);
  Bytes first(64), other_key(64), other_iv(64);
  MakeCipher()->Transform(kIv, 0, zeros, first);
  ContentCipher::Create(GetParam(), TestKey(GetParam(), 2)).value()->Transform(kIv, 0, zeros, other_key);
  MakeCipher()->Transform(IvOf("01"), 0, zeros, other_iv);
  EXPECT_NE(first, other_key);
  EXPECT_NE(first, other_iv);
}

// Eight threads use one cipher; each result is compared with one made before. TSan watches the pool.
TEST_P(ContentCipherTest, EightThreadsShareOneCipher) {
  const auto cipher = MakeCipher();
  const Bytes whole = NonZeroBytes(64 << 10, 3);
  Bytes encrypted(whole.size());
  cipher->Encrypt(kIv, 0, whole, encrypted);
  std::vector<std::thread> threads;
  std::vector<int> wrong(8, 0);
  for (unsigned t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand generator(t + 1);
      for (int i = 0; i < 200; ++i) {
        const size_t offset = AlignDown(generator() % whole.size(), kUnitBytes);
        const size_t size = generator() % std::min<size_t>(whole.size() - offset, 9000);
        Bytes piece(size);
        cipher->Encrypt(kIv, offset, ByteView(whole).subspan(offset, size), piece);
        if (!std::ranges::equal(piece, ByteView(encrypted).subspan(offset, size))) ++wrong[t];
        cipher->Decrypt(kIv, offset, piece);
        if (!std::ranges::equal(piece, ByteView(whole).subspan(offset, size))) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

TEST(ContentCipherCreateTest, PlaintextHasNoCipher) {
  auto cipher = ContentCipher::Create(Method::kPlaintext, {});
  ASSERT_FALSE(cipher);
  EXPECT_EQ(cipher.error().code, ErrorCode::kCrypto);
}

TEST(ContentCipherDeathTest, BrokenPreconditionsAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto cipher = ContentCipher::Create(Method::kAes128Ctr, Bytes(16)).value();
  Bytes small(16), large(32);
  EXPECT_DEATH(cipher->Transform(kIv, 0, small, large), "of one size");
  EXPECT_DEATH(cipher->Encrypt(kIv, 0, small, large), "of one size");
  EXPECT_DEATH(cipher->Decrypt(kIv, 8, small), "start of a unit");
}

}  // namespace
}  // namespace tdefs
