#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "crypto/zero_units.h"
#include "vectors.h"

namespace tdefs {
namespace {

AeadNonce NonceOf(std::string_view digits) {
  AeadNonce nonce{};
  std::ranges::copy(Hex(digits), nonce.begin());
  return nonce;
}

struct KnownAnswer {
  std::string_view name;
  std::string_view key;
  std::string_view nonce;
  std::string_view associated_data;
  std::string_view plaintext;
  std::string_view ciphertext;
  std::string_view tag;
};

constexpr KnownAnswer kKnownAnswers[] = {
    // McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B: the AES-256 cases with 96-bit IVs.
    {"case 13", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"case 14", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"case 15", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"case 16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    // The vector of TiKV's test_ase_256_gcm.
    {"tikv", "c3d99825f2181f4808acd2068eac7441a65bd428f14d2aab43fefc0129091139", "cafabd9672ca6c79a2fbdc22", "",
     "25431587e9ecffc7c37f8d6d52a9bc3310651d46fb0e3bad2726c8f2db653749",
     "84e5f23f95648fa247cb28eef53abec947dbf05ac953734618111583840bd980", "79651c875f7941793d42bbd0af1cce7c"},
};

TEST(AeadTest, MatchesKnownAnswers) {
  for (const KnownAnswer& c : kKnownAnswers) {
    SCOPED_TRACE(c.name);
    auto aead = Aead::Create(Hex(c.key));
    ASSERT_TRUE(aead);
    const Bytes plaintext = Hex(c.plaintext);
    Bytes sealed(plaintext.size() + kAeadTagBytes);
    ASSERT_TRUE(aead->Seal(NonceOf(c.nonce), Hex(c.associated_data), plaintext, sealed));
    EXPECT_EQ(ToHex(sealed), std::string(c.ciphertext) + std::string(c.tag));
    Bytes opened(plaintext.size());
    EXPECT_TRUE(aead->Open(NonceOf(c.nonce), Hex(c.associated_data), sealed, opened));
    EXPECT_EQ(opened, plaintext);
  }
}

class AeadTamperTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(aead_.Seal(nonce_, AsBytes("header"), plaintext_, sealed_)); }
  // Opens into a buffer that is not zero, and expects it zeroed on refusal.
  bool Opens(const AeadNonce& nonce, ByteView associated_data, ByteView sealed) {
    Bytes out = NonZeroBytes(sealed.size() - kAeadTagBytes, 3);
    const bool verified = aead_.Open(nonce, associated_data, sealed, out);
    EXPECT_EQ(verified, !IsZero(out));
    return verified;
  }

  Aead aead_ = Aead::Create(NonZeroBytes(kAeadKeyBytes, 1)).value();
  const AeadNonce nonce_ = NonceOf("000102030405060708090a0b");
  const Bytes plaintext_ = NonZeroBytes(37, 2);
  Bytes sealed_ = Bytes(37 + kAeadTagBytes);
};

TEST_F(AeadTamperTest, WhatWasSealedOpens) {
  EXPECT_TRUE(Opens(nonce_, AsBytes("header"), sealed_));
}

TEST_F(AeadTamperTest, EachFlippedBitOfCiphertextOrTagIsRefused) {
  for (size_t bit = 0; bit < sealed_.size() * 8; ++bit) {
    Bytes damaged = sealed_;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(Opens(nonce_, AsBytes("header"), damaged)) << "bit " << bit;
  }
}

TEST_F(AeadTamperTest, EachFlippedBitOfTheNonceIsRefused) {
  for (size_t bit = 0; bit < nonce_.size() * 8; ++bit) {
    AeadNonce damaged = nonce_;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_FALSE(Opens(damaged, AsBytes("header"), sealed_)) << "bit " << bit;
  }
}

TEST_F(AeadTamperTest, OtherAssociatedDataIsRefused) {
  for (std::string_view other : {"", "heade", "headeR", "header "}) {
    EXPECT_FALSE(Opens(nonce_, AsBytes(other), sealed_)) << other;
  }
}

TEST_F(AeadTamperTest, OtherKeyIsRefused) {
  aead_ = Aead::Create(NonZeroBytes(kAeadKeyBytes, 9)).value();
  EXPECT_FALSE(Opens(nonce_, AsBytes("header"), sealed_));
}

TEST_F(AeadTamperTest, CutOrExtendedSealIsRefused) {
  EXPECT_FALSE(Opens(nonce_, AsBytes("header"), ByteView(sealed_).first(sealed_.size() - 1)));
  Bytes longer = sealed_;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(Opens(nonce_, AsBytes("header"), longer));
}

TEST_F(AeadTamperTest, ObjectWorksAfterARefusal) {
  Bytes damaged = sealed_;
  damaged[0] ^= std::byte{1};
  EXPECT_FALSE(Opens(nonce_, AsBytes("header"), damaged));
  EXPECT_TRUE(Opens(nonce_, AsBytes("header"), sealed_));
  Bytes again(sealed_.size());
  ASSERT_TRUE(aead_.Seal(nonce_, AsBytes("header"), plaintext_, again));
  EXPECT_EQ(again, sealed_);
}

TEST(AeadTest, SealsAndOpensInPlaceForEachLength) {
  auto aead = Aead::Create(NonZeroBytes(kAeadKeyBytes, 1)).value();
  const AeadNonce nonce{};
  for (size_t size : {0, 1, 15, 16, 17, 100, 4096, 70'000}) {
    const Bytes plaintext = NonZeroBytes(size, 4);
    Bytes expected(size + kAeadTagBytes);
    ASSERT_TRUE(aead.Seal(nonce, {}, plaintext, expected));
    Bytes buffer = plaintext;
    buffer.resize(size + kAeadTagBytes);
    ASSERT_TRUE(aead.Seal(nonce, {}, ByteView(buffer).first(size), buffer));
    ASSERT_EQ(buffer, expected) << size;
    ASSERT_TRUE(aead.Open(nonce, {}, buffer, ByteSpan(buffer).first(size))) << size;
    EXPECT_TRUE(std::ranges::equal(ByteView(buffer).first(size), plaintext)) << size;
  }
}

TEST(AeadTest, KeyOfAnotherLengthIsRefused) {
  for (size_t size : {0, 16, 31, 33}) {
    auto aead = Aead::Create(Bytes(size));
    ASSERT_FALSE(aead);
    EXPECT_EQ(aead.error().code, ErrorCode::kCrypto);
    EXPECT_EQ(aead.error().message, "aes-256-gcm: key of " + std::to_string(size) + " bytes, expected 32");
  }
}

TEST(AeadDeathTest, OutputOfTheWrongSizeAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto aead = Aead::Create(Bytes(kAeadKeyBytes)).value();
  Bytes small(10), sealed(26);
  EXPECT_DEATH((void)aead.Seal(AeadNonce{}, {}, small, small), "room for the ciphertext");
  EXPECT_DEATH((void)aead.Open(AeadNonce{}, {}, sealed, sealed), "room for the plaintext");
}

}  // namespace
}  // namespace tdefs
