// Holes and zero blocks (DESIGN 5, R10): a zero unit of stored content reads as zeros, and only where that is safe.
#include <gtest/gtest.h>

#include <random>

#include "base/checked.h"
#include "crypto/content_cipher.h"
#include "reference_stream.h"
#include "vectors.h"

namespace tdefs {
namespace {

const Iv kIv = IvOf("0f1e2d3c4b5a69788796a5b4c3d2e1f0");

class HolesTest : public testing::TestWithParam<Method> {
 protected:
  HolesTest() : cipher_(ContentCipher::Create(GetParam(), TestKey(GetParam())).value()) {}

  Bytes Stored(ByteView plaintext, uint64_t offset_bytes = 0) {
    return ReferenceStream(GetParam(), TestKey(GetParam())).Transform(kIv, offset_bytes, plaintext);
  }
  static void ZeroUnit(Bytes& content, size_t unit) {
    std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(unit * kUnitBytes), kUnitBytes, std::byte{0});
  }

  std::shared_ptr<const ContentCipher> cipher_;
};

INSTANTIATE_TEST_SUITE_P(Methods, HolesTest, testing::ValuesIn(kCtrMethods), [](const auto& param) {
  std::string name(MethodName(param.param));
  std::erase(name, '-');
  return name;
});

TEST_P(HolesTest, OneHoleUnitReadsAsZerosAtEachPosition) {
  constexpr size_t kUnits = 3 * kZeroBlockBytes / kUnitBytes / 2;  // one and a half blocks
  const Bytes plaintext = NonZeroBytes(kUnits * kUnitBytes, 1);
  const Bytes stored = Stored(plaintext);
  for (size_t hole = 0; hole < kUnits; ++hole) {
    Bytes content = stored;
    Bytes expected = plaintext;
    ZeroUnit(content, hole);
    ZeroUnit(expected, hole);
    cipher_->Decrypt(kIv, 0, content);
    ASSERT_EQ(content, expected) << "hole unit " << hole;
  }
}

TEST_P(HolesTest, RandomMixesOfHolesDataAndTailDecryptUnitByUnit) {
  std::minstd_rand generator(4);
  for (int round = 0; round < 150; ++round) {
    const size_t units = generator() % 1200;
    const uint64_t offset = (generator() % 5000) * kUnitBytes;
    const uint32_t hole_percent = std::array<uint32_t, 5>{0, 1, 50, 99, 100}[generator() % 5];
    Bytes expected = NonZeroBytes(units * kUnitBytes + generator() % kUnitBytes, static_cast<uint32_t>(round));
    Bytes content = Stored(expected, offset);
    for (size_t unit = 0; unit < units; ++unit) {
      if (generator() % 100 >= hole_percent) continue;
      ZeroUnit(content, unit);
      ZeroUnit(expected, unit);
    }
    cipher_->Decrypt(kIv, offset, content);
    ASSERT_EQ(content, expected) << "round " << round << " units " << units << " offset " << offset;
  }
}

TEST_P(HolesTest, WholeBlocksOfHolesBetweenDataReadAsZeros) {
  const size_t size = 24 * kZeroBlockBytes;
  Bytes expected = NonZeroBytes(size, 5);
  Bytes content = Stored(expected);
  for (size_t block : {0, 1, 5, 11, 12, 13, 23}) {
    for (Bytes* bytes : {&content, &expected}) {
      std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(block * kZeroBlockBytes), kZeroBlockBytes, std::byte{0});
    }
  }
  cipher_->Decrypt(kIv, 0, content);
  EXPECT_EQ(content, expected);
}

// One zero byte at the end of a file is a hole by chance once in 256: so it is never taken for one.
TEST_P(HolesTest, PartialUnitAtTheEndIsAlwaysData) {
  for (size_t tail = 1; tail < kUnitBytes; ++tail) {
    for (size_t units : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{300}}) {
      Bytes content(units * kUnitBytes + tail);
      Bytes expected = Stored(content);  // what zeros decrypt to
      std::fill_n(expected.begin(), units * kUnitBytes, std::byte{0});
      cipher_->Decrypt(kIv, 0, content);
      ASSERT_EQ(content, expected) << units << " units and " << tail << " bytes";
    }
  }
}

TEST_P(HolesTest, UnitWithOneByteThatIsNotZeroIsData) {
  for (size_t at = 0; at < kUnitBytes; ++at) {
    Bytes content(3 * kUnitBytes);
    content[kUnitBytes + at] = std::byte{1};
    Bytes expected = Stored(content);
    ZeroUnit(expected, 0);
    ZeroUnit(expected, 2);
    cipher_->Decrypt(kIv, 0, content);
    ASSERT_EQ(content, expected) << "byte " << at;
  }
}

TEST_P(HolesTest, EncryptedZerosReadAsZerosInEveryTail) {
  for (size_t size = 0; size <= 40; ++size) {
    Bytes content(size);
    cipher_->EncryptZeros(kIv, 64, content);
    cipher_->Decrypt(kIv, 64, content);
    EXPECT_TRUE(IsZero(content)) << size;
  }
}

// Which blocks of a request are aligned in the file depends on its offset, not on its buffer.
TEST_P(HolesTest, OnlyWholeAlignedBlocksOfZerosAreStoredAsZeros) {
  for (uint64_t offset : {0, 1, 16, 4080, 4095, 4096, 5000, 8192 - 16}) {
    const size_t size = 3 * kZeroBlockBytes + 77;
    const Bytes plaintext(size);
    Bytes expected = Stored(plaintext, offset);
    for (size_t at = 0; at < size; ++at) {
      const uint64_t block = AlignDown(offset + at, kZeroBlockBytes);
      if (block >= offset && block + kZeroBlockBytes <= offset + size) expected[at] = std::byte{0};
    }
    Bytes out = NonZeroBytes(size, 2);
    cipher_->Encrypt(kIv, offset, plaintext, out);
    ASSERT_EQ(out, expected) << "offset " << offset;
    Bytes in_place = plaintext;
    cipher_->Encrypt(kIv, offset, in_place, in_place);
    ASSERT_EQ(in_place, expected) << "in place, offset " << offset;
  }
}

TEST_P(HolesTest, RequestOfZeroBlocksAloneIsStoredAsZerosToItsLastByte) {
  for (size_t blocks : {1, 2, 9}) {
    Bytes out = NonZeroBytes(blocks * kZeroBlockBytes, 1);
    cipher_->Encrypt(kIv, 5 * kZeroBlockBytes, Bytes(out.size()), out);
    EXPECT_TRUE(IsZero(out)) << blocks;
  }
}

TEST_P(HolesTest, ZeroBlockWithOneOtherByteIsEncryptedWhole) {
  for (size_t at : {0, 1, 63, 64, 2000, 4032, 4095}) {
    Bytes plaintext(kZeroBlockBytes);
    plaintext[at] = std::byte{1};
    Bytes out(plaintext.size());
    cipher_->Encrypt(kIv, 0, plaintext, out);
    EXPECT_EQ(out, Stored(plaintext)) << "byte " << at;
  }
}

TEST_P(HolesTest, MixesOfZeroBlocksAndDataSurviveARoundTrip) {
  std::minstd_rand generator(6);
  for (int round = 0; round < 60; ++round) {
    const uint64_t offset = (generator() % 600) * kUnitBytes;
    Bytes plaintext = NonZeroBytes(1 + generator() % 60'000, static_cast<uint32_t>(round));
    for (int i = 0; i < 4; ++i) {
      const size_t from = generator() % plaintext.size();
      const size_t size = generator() % (plaintext.size() - from);
      std::fill_n(plaintext.begin() + static_cast<std::ptrdiff_t>(from), size, std::byte{0});
    }
    Bytes content(plaintext.size());
    cipher_->Encrypt(kIv, offset, plaintext, content);
    Bytes in_place = plaintext;
    cipher_->Encrypt(kIv, offset, in_place, in_place);
    ASSERT_EQ(content, in_place);
    cipher_->Decrypt(kIv, offset, content);
    ASSERT_EQ(content, plaintext) << "round " << round;
  }
}

}  // namespace
}  // namespace tdefs
