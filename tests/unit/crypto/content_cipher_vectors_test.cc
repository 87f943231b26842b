// Known answers of the standards for each method's counter mode.
#include <gtest/gtest.h>

#include "crypto/content_cipher.h"
#include "vectors.h"

namespace tdefs {
namespace {

Bytes TransformOf(Method method, ByteView key, const Iv& iv, ByteView in) {
  auto cipher = ContentCipher::Create(method, key);
  EXPECT_TRUE(cipher.has_value());
  Bytes out(in.size());
  if (cipher) (*cipher)->Transform(iv, 0, in, out);
  return out;
}

// NIST SP 800-38A, F.5: one plaintext and one initial counter block for the three key lengths.
constexpr std::string_view kNistCounter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
constexpr std::string_view kNistPlaintext =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

struct NistCase {
  Method method;
  std::string_view key;
  std::string_view ciphertext;
};

constexpr NistCase kNistCases[] = {
    {Method::kAes128Ctr, "2b7e151628aed2a6abf7158809cf4f3c",
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
    {Method::kAes192Ctr, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
     "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"},
    {Method::kAes256Ctr, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
     "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"},
};

TEST(ContentCipherVectorsTest, AesMatchesNistSp80038aF5) {
  for (const NistCase& c : kNistCases) {
    SCOPED_TRACE(MethodName(c.method));
    EXPECT_EQ(ToHex(TransformOf(c.method, Hex(c.key), IvOf(kNistCounter), Hex(kNistPlaintext))), c.ciphertext);
    EXPECT_EQ(ToHex(TransformOf(c.method, Hex(c.key), IvOf(kNistCounter), Hex(c.ciphertext))), kNistPlaintext);
  }
}

constexpr std::string_view kSm4Key = "0123456789abcdeffedcba9876543210";

// GB/T 32907-2016 A.1, also RFC 8998 and draft-ribose-cfrg-sm4 A.1.1: the block cipher itself, which is the keystream
// of the counter block.
TEST(ContentCipherVectorsTest, Sm4BlockMatchesGbt32907Example1) {
  const Bytes zeros(16);
  EXPECT_EQ(ToHex(TransformOf(Method::kSm4Ctr, Hex(kSm4Key), IvOf(kSm4Key), zeros)),
            "681edf34d206965e86b3e94f536e4246");
}

// GB/T 32907-2016 A.2: a block encrypted a million times, here each time as the IV of the next request.
TEST(ContentCipherVectorsTest, Sm4BlockMatchesGbt32907Example2) {
  auto cipher = ContentCipher::Create(Method::kSm4Ctr, Hex(kSm4Key));
  ASSERT_TRUE(cipher);
  Iv block = IvOf(kSm4Key);
  for (int i = 0; i < 1'000'000; ++i) {
    Iv next;
    (*cipher)->EncryptZeros(block, 0, next);
    block = next;
  }
  EXPECT_EQ(ToHex(block), "595298c7c6fd271f0402f804c33d3f66");
}

// draft-ribose-cfrg-sm4-10 A.2.5.1 (SM4-CTR).
TEST(ContentCipherVectorsTest, Sm4MatchesCounterModeOfDraftRibose) {
  EXPECT_EQ(ToHex(TransformOf(Method::kSm4Ctr, Hex(kSm4Key), IvOf("000102030405060708090a0b0c0d0e0f"),
                              Hex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                                  "eeeeeeeeeeeeeeeeffffffffffffffffaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"))),
            "ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7"
            "f234bc0e24c11980fd1286310ce37b926e02fcd0faa0baf38b2933851d824514");
}

// RFC 8998 A.1 (SM4-GCM): GCM's ciphertext is counter mode from the counter block nonce ‖ 2.
TEST(ContentCipherVectorsTest, Sm4MatchesCounterPartOfRfc8998) {
  EXPECT_EQ(ToHex(TransformOf(Method::kSm4Ctr, Hex(kSm4Key), IvOf("00001234567800000000abcd00000002"),
                              Hex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
                                  "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"))),
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d");
}

}  // namespace
}  // namespace tdefs
