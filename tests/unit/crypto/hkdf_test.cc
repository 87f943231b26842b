#include "crypto/hkdf.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace tdefs {
namespace {

struct HkdfCase {
  std::string_view input_key;
  std::string_view salt;
  std::string_view label;
  std::string_view derived;
};

// RFC 5869, A.1 to A.3.
constexpr HkdfCase kHkdfCases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
     "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
     "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
     "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
     "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

TEST(HkdfTest, MatchesRfc5869) {
  for (const HkdfCase& c : kHkdfCases) {
    auto derived = HkdfSha256(Hex(c.input_key), Hex(c.salt), Hex(c.label), c.derived.size() / 2);
    ASSERT_TRUE(derived);
    EXPECT_EQ(ToHex(derived->view()), c.derived);
  }
}

TEST(HkdfTest, EachLabelAndSaltGivesItsOwnKey) {
  const Bytes key = NonZeroBytes(32, 1);
  auto derive = [&](std::string_view salt, std::string_view label) {
    return ToHex(HkdfSha256(key, AsBytes(salt), AsBytes(label), 32).value().view());
  };
  EXPECT_NE(derive("salt", "one"), derive("salt", "two"));
  EXPECT_NE(derive("salt", "one"), derive("other", "one"));
  EXPECT_EQ(derive("salt", "one"), derive("salt", "one"));
}

TEST(HkdfTest, SizeLimitsAreThoseOfTheRfc) {
  const Bytes key = NonZeroBytes(32, 1);
  auto largest = HkdfSha256(key, {}, {}, kHkdfBytesMax);
  ASSERT_TRUE(largest);
  EXPECT_EQ(largest->size(), 255U * 32U);
  EXPECT_EQ(HkdfSha256(key, {}, {}, kHkdfBytesMax + 1).error().code, ErrorCode::kLimit);
  EXPECT_EQ(HkdfSha256(key, {}, {}, 0).error().code, ErrorCode::kLimit);
}

// OpenSSL bounds the label itself; its refusal comes back as an error that names the operation.
TEST(HkdfTest, LabelThatOpensslRefusesIsAnError) {
  auto derived = HkdfSha256(NonZeroBytes(32, 1), {}, Bytes(1 << 20), 32);
  ASSERT_FALSE(derived);
  EXPECT_EQ(derived.error().code, ErrorCode::kCrypto);
  EXPECT_TRUE(derived.error().message.starts_with("openssl: hkdf")) << derived.error().message;
}

struct HmacCase {
  Bytes key;
  Bytes data;
  std::string_view mac;
};

// RFC 4231, 4.2 to 4.8; of 4.6 the RFC gives the first 128 bits only.
std::vector<HmacCase> HmacCases() {
  auto text = [](std::string_view characters) { return Bytes(AsBytes(characters).begin(), AsBytes(characters).end()); };
  const Bytes long_key(131, std::byte{0xaa});
  return {
      {Bytes(20, std::byte{0x0b}), text("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {text("Jefe"), text("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Bytes(20, std::byte{0xaa}), Bytes(50, std::byte{0xdd}),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {Hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), Bytes(50, std::byte{0xcd}),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {Bytes(20, std::byte{0x0c}), text("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"},
      {long_key, text("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {long_key,
       text("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
            "hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
}

TEST(HmacTest, MatchesRfc4231) {
  for (const HmacCase& c : HmacCases()) {
    const ByteView parts[] = {c.data};
    EXPECT_EQ(ToHex(HmacSha256(c.key, parts).value()).substr(0, c.mac.size()), c.mac);
  }
}

TEST(HmacTest, PartsAreConcatenated) {
  const Bytes key = NonZeroBytes(32, 1);
  const Bytes data = NonZeroBytes(200, 2);
  const ByteView whole[] = {data};
  const Hmac expected = HmacSha256(key, whole).value();
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    const ByteView parts[] = {ByteView(data).first(cut), {}, ByteView(data).subspan(cut)};
    EXPECT_EQ(HmacSha256(key, parts).value(), expected) << cut;
  }
}

// HMAC-SHA256 of nothing under the empty key.
TEST(HmacTest, EmptyKeyAndNoPartsAreAllowed) {
  EXPECT_EQ(ToHex(HmacSha256({}, {}).value()), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace tdefs
