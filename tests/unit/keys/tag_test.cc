#include "keys/tag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/hkdf.h"

namespace tdefs {
namespace {

using testing::HasSubstr;

StoreId MakeStoreId(uint8_t first) {
  StoreId id{};
  id[0] = std::byte{first};
  return id;
}

SecretBytes MakeKey(uint8_t fill) {
  SecretBytes key(32);
  std::ranges::fill(key.span(), std::byte{fill});
  return key;
}

FileRecord MakeRecord() {
  FileRecord record{.method = Method::kAes192Ctr, .key_id = 0x0102030405060708};
  for (size_t i = 0; i < record.iv.size(); ++i) record.iv[i] = static_cast<std::byte>(0xa0 + i);
  return record;
}

class TagTest : public testing::Test {
 protected:
  // A tag with these first 32 bytes and a valid MAC.
  Tag Sealed(Tag tag) {
    const StoreId id = MakeStoreId(1);
    const SecretBytes key = MakeKey(7);
    const ByteView parts[] = {AsBytes("tdefs tag 1"), id, ByteView(tag).first(32)};
    const Hmac mac = *HmacSha256(key.view(), parts);
    std::copy_n(mac.begin(), 16, tag.begin() + 32);
    return tag;
  }
  // The message of decoding a tag of which one byte was set before the MAC was made.
  std::string RefusalWith(size_t offset, uint8_t value) {
    Tag tag = *codec_.Encode(MakeRecord());
    tag[offset] = std::byte{value};
    auto record = codec_.Decode(Sealed(tag));
    if (record) return "it was accepted";
    EXPECT_EQ(record.error().code, ErrorCode::kUnsupported);
    return record.error().message;
  }

  TagCodec codec_{MakeStoreId(1), MakeKey(7)};
};

TEST_F(TagTest, EveryMethodRoundTrips) {
  for (Method method : kAllMethods) {
    FileRecord record = method == Method::kPlaintext ? FileRecord{} : MakeRecord();
    record.method = method;
    auto tag = codec_.Encode(record);
    ASSERT_TRUE(tag);
    auto decoded = codec_.Decode(*tag);
    ASSERT_TRUE(decoded) << decoded.error().Text();
    EXPECT_EQ(*decoded, record);
  }
}

TEST_F(TagTest, LayoutIsAsDocumented) {
  Tag tag = *codec_.Encode(MakeRecord());
  EXPECT_EQ(ToHex(ByteView(tag).first(32)),
            "01"
            "03"
            "0000"
            "00000000"
            "0102030405060708"
            "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
  EXPECT_EQ(tag, Sealed(tag)) << "the MAC is not the documented one";
}

TEST_F(TagTest, EveryFlippedBitIsTampering) {
  const Tag tag = *codec_.Encode(MakeRecord());
  for (size_t bit = 0; bit < kTagBytes * 8; ++bit) {
    Tag flipped = tag;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    auto record = codec_.Decode(flipped);
    ASSERT_FALSE(record) << "bit " << bit;
    EXPECT_EQ(record.error().code, ErrorCode::kTampered);
    EXPECT_THAT(record.error().message, HasSubstr("MAC"));
  }
}

TEST_F(TagTest, EveryOtherLengthIsTampering) {
  Bytes bytes(kTagBytes + 8);
  std::ranges::copy(*codec_.Encode(MakeRecord()), bytes.begin());
  for (size_t size = 0; size <= bytes.size(); ++size) {
    if (size == kTagBytes) continue;
    auto record = codec_.Decode(ByteView(bytes).first(size));
    ASSERT_FALSE(record) << size;
    EXPECT_EQ(record.error().code, ErrorCode::kTampered);
  }
}

TEST_F(TagTest, AnotherStoresTagIsTampering) {
  const Tag tag = *codec_.Encode(MakeRecord());
  EXPECT_FALSE(TagCodec(MakeStoreId(2), MakeKey(7)).Decode(tag));
  EXPECT_FALSE(TagCodec(MakeStoreId(1), MakeKey(8)).Decode(tag));
}

TEST_F(TagTest, UnknownFieldsUnderAValidMacAreUnsupported) {
  EXPECT_THAT(RefusalWith(0, 2), HasSubstr("unknown version 2"));
  EXPECT_THAT(RefusalWith(1, 0), HasSubstr("unknown method 0"));
  EXPECT_THAT(RefusalWith(1, 99), HasSubstr("unknown method 99"));
  EXPECT_THAT(RefusalWith(3, 1), HasSubstr("unknown flags 1"));
  EXPECT_THAT(RefusalWith(7, 5), HasSubstr("unknown key domain 5"));
}

}  // namespace
}  // namespace tdefs
