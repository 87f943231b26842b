#include "keys/key_dictionary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "keys/key_dictionary_header.h"

namespace tdefs {
namespace {

using testing::HasSubstr;

constexpr size_t kWrapCountOffset = 40;
constexpr size_t kFirstWrapOffset = 42;

Wrap MakeWrap(std::string_view uri) {
  Wrap wrap;
  wrap.provider = "file";
  wrap.key_id = "00ff";
  wrap.uri = uri;
  wrap.key_version = "7";
  wrap.created_unix_s = 1'700'000'000;
  wrap.wrapped_root_key.assign(60, std::byte{0x5a});
  return wrap;
}

void AddKey(KeyDictionary& dictionary, DataKeyId id, Method method) {
  DataKey key{
      .id = id, .method = method, .created_unix_s = 1'700'000'001 + id, .exposed = id % 2 == 0, .domain = 0, .key = {}};
  if (method != Method::kPlaintext) key.key = *RandomSecret(MethodKeyBytes(method));
  dictionary.keys.emplace(id, std::move(key));
}

KeyDictionary MakeDictionary() {
  KeyDictionary dictionary;
  dictionary.header.store_id = StoreId{std::byte{0xab}, std::byte{0xcd}};
  dictionary.header.generation = 3;
  dictionary.header.wraps.push_back(MakeWrap("file:/a"));
  DataKeyId id = 10;
  for (Method method : kAllMethods) AddKey(dictionary, id++, method);
  dictionary.current_key_id = 12;
  dictionary.dictionary_key = *RandomSecret(32);
  dictionary.tag_mac_key = *RandomSecret(32);
  return dictionary;
}

class KeyDictionaryTest : public testing::Test {
 protected:
  Error ErrorOf(ByteView encoded) {
    auto dictionary = DecodeKeyDictionary(encoded, root_key_);
    if (dictionary) return {.code = ErrorCode::kSystem, .sys_errno = 0, .message = "it was accepted"};
    return dictionary.error();
  }
  // Expects the same defect to be seen with and without the key.
  void ExpectHeaderDefect(const Bytes& encoded, ErrorCode code, std::string_view text) {
    EXPECT_EQ(ErrorOf(encoded).code, code) << text;
    EXPECT_THAT(ErrorOf(encoded).message, HasSubstr(text));
    auto header = DecodeKeyDictionaryHeader(encoded);
    ASSERT_FALSE(header) << text;
    EXPECT_EQ(header.error().code, code);
  }
  // A file of this payload, sealed as it should be.
  Bytes Seal(ByteView payload) {
    const KeyDictionaryHeader header = MakeDictionary().header;
    const SecretBytes key = *HkdfSha256(root_key_.view(), header.store_id, AsBytes("tdefs key dictionary 1"), 32);
    Bytes encoded = *EncodeKeyDictionaryHeader(header, AeadNonce{}, payload.size() + kAeadTagBytes);
    const size_t header_bytes = encoded.size();
    encoded.resize(header_bytes + payload.size() + kAeadTagBytes);
    const ByteSpan all(encoded);
    EXPECT_TRUE(
        Aead::Create(key.view())->Seal(AeadNonce{}, all.first(header_bytes), payload, all.subspan(header_bytes)));
    return encoded;
  }
  struct PlainKey {
    uint64_t id = 1;
    uint8_t method = 2, flags = 0;
    size_t key_bytes = 16;
  };
  Bytes SealKeys(std::vector<PlainKey> keys, uint64_t current = 1, uint32_t settings = 0) {
    ByteWriter writer;
    writer.Put(current);
    writer.Put(settings);
    writer.PutBytes(Bytes(64));
    writer.Put(static_cast<uint32_t>(keys.size()));
    for (const PlainKey& key : keys) {
      writer.Put(key.id);
      writer.Put(key.method);
      writer.Put(key.flags);
      writer.Put(uint32_t{0});
      writer.Put(uint64_t{5});
      writer.PutBytes(Bytes(key.key_bytes));
    }
    return Seal(writer.bytes());
  }
  void ExpectPayloadDefect(const Bytes& encoded, ErrorCode code, std::string_view text) {
    EXPECT_EQ(ErrorOf(encoded).code, code) << text;
    EXPECT_THAT(ErrorOf(encoded).message, HasSubstr(text));
  }

  SecretBytes root_key_ = *RandomSecret(kRootKeyBytes);
};

TEST_F(KeyDictionaryTest, RoundTrips) {
  KeyDictionary before = MakeDictionary();
  before.header.wraps.push_back(MakeWrap("file:/b"));
  auto encoded = EncodeKeyDictionary(before, root_key_);
  ASSERT_TRUE(encoded) << encoded.error().Text();
  auto after = DecodeKeyDictionary(*encoded, root_key_);
  ASSERT_TRUE(after) << after.error().Text();
  EXPECT_EQ(after->header.store_id, before.header.store_id);
  EXPECT_EQ(after->header.generation, 3U);
  ASSERT_EQ(after->header.wraps.size(), 2U);
  EXPECT_EQ(after->header.wraps[1].uri, "file:/b");
  EXPECT_EQ(after->header.wraps[1].provider, "file");
  EXPECT_EQ(after->header.wraps[1].key_id, "00ff");
  EXPECT_EQ(after->header.wraps[1].key_version, "7");
  EXPECT_EQ(after->header.wraps[1].created_unix_s, 1'700'000'000U);
  EXPECT_EQ(after->header.wraps[1].wrapped_root_key, before.header.wraps[1].wrapped_root_key);
  EXPECT_EQ(after->current().method, Method::kAes192Ctr);
  EXPECT_TRUE(SecretsEqual(after->dictionary_key.view(), before.dictionary_key.view()));
  EXPECT_TRUE(SecretsEqual(after->tag_mac_key.view(), before.tag_mac_key.view()));
  ASSERT_EQ(after->keys.size(), before.keys.size());
  for (const auto& [id, key] : before.keys) {
    const DataKey& other = after->keys.at(id);
    EXPECT_EQ(other.id, id);
    EXPECT_EQ(other.method, key.method);
    EXPECT_EQ(other.created_unix_s, key.created_unix_s);
    EXPECT_EQ(other.exposed, key.exposed);
    EXPECT_TRUE(SecretsEqual(other.key.view(), key.key.view()));
  }
}

TEST_F(KeyDictionaryTest, CloneHoldsTheSame) {
  const KeyDictionary before = MakeDictionary();
  auto after = DecodeKeyDictionary(*EncodeKeyDictionary(before.Clone(), root_key_), root_key_);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->keys.size(), before.keys.size());
  EXPECT_TRUE(SecretsEqual(after->current().key.view(), before.current().key.view()));
}

TEST_F(KeyDictionaryTest, EveryFlippedBitIsRefused) {
  const Bytes encoded = *EncodeKeyDictionary(MakeDictionary(), root_key_);
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    Bytes flipped = encoded;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const ErrorCode code = ErrorOf(flipped).code;
    EXPECT_TRUE(code == ErrorCode::kCorrupt || code == ErrorCode::kWrongKey || code == ErrorCode::kUnsupported)
        << "bit " << bit << " of byte " << bit / 8 << ": " << ErrorOf(flipped).message;
  }
}

TEST_F(KeyDictionaryTest, EveryOtherLengthIsRefused) {
  Bytes encoded = *EncodeKeyDictionary(MakeDictionary(), root_key_);
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(encoded).first(size)).code, ErrorCode::kCorrupt) << size;
  }
  encoded.push_back(std::byte{0});
  EXPECT_EQ(ErrorOf(encoded).code, ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf(Bytes(kKeyDictionaryBytesMax + 1)).code, ErrorCode::kCorrupt);
}

TEST_F(KeyDictionaryTest, AnotherRootKeyIsWrong) {
  const Bytes encoded = *EncodeKeyDictionary(MakeDictionary(), root_key_);
  root_key_ = *RandomSecret(kRootKeyBytes);
  EXPECT_EQ(ErrorOf(encoded).code, ErrorCode::kWrongKey);
  EXPECT_TRUE(DecodeKeyDictionaryHeader(encoded)) << "the header needs no key";
}

TEST_F(KeyDictionaryTest, NoncesDifferAndNoKeyIsInTheClear) {
  const KeyDictionary dictionary = MakeDictionary();
  const Bytes one = *EncodeKeyDictionary(dictionary, root_key_);
  EXPECT_NE(one, *EncodeKeyDictionary(dictionary, root_key_));
  for (const auto& [id, key] : dictionary.keys) {
    if (key.key.empty()) continue;
    EXPECT_TRUE(std::ranges::search(one, key.key.view()).empty()) << id;
  }
  EXPECT_TRUE(std::ranges::search(one, dictionary.tag_mac_key.view()).empty());
}

TEST_F(KeyDictionaryTest, FormatDefectsAreTold) {
  const Bytes good = *EncodeKeyDictionary(MakeDictionary(), root_key_);
  ExpectHeaderDefect({}, ErrorCode::kCorrupt, "it is empty");
  Bytes bad = good;
  bad[0] = std::byte{0x7f};
  ExpectHeaderDefect(bad, ErrorCode::kCorrupt, "magic 7f646566736b6579");
  bad = good;
  bad[11] = std::byte{255};
  ExpectHeaderDefect(bad, ErrorCode::kUnsupported, "format 255, this build reads 1");
  bad = good;
  bad[15] = std::byte{8};
  ExpectHeaderDefect(bad, ErrorCode::kUnsupported, "unknown feature bit 3");
  bad = good;
  bad[kWrapCountOffset + 1] = std::byte{0};
  ExpectHeaderDefect(bad, ErrorCode::kCorrupt, "0 wraps, expected 1 to 16");
  bad[kWrapCountOffset + 1] = std::byte{17};
  ExpectHeaderDefect(bad, ErrorCode::kCorrupt, "17 wraps");
  bad = good;
  bad[kFirstWrapOffset + 12] = std::byte{0xff};
  ExpectHeaderDefect(bad, ErrorCode::kCorrupt, "wrap's provider has 65284 bytes, at most 4096");
  bad = good;
  bad[kFirstWrapOffset + 14] = std::byte{'\n'};
  ExpectHeaderDefect(bad, ErrorCode::kCorrupt, "wrap's provider holds a control character");
}

TEST_F(KeyDictionaryTest, PayloadDefectsUnderAValidTagAreTold) {
  EXPECT_TRUE(DecodeKeyDictionary(SealKeys({{}}), root_key_)) << "the defects below are the only ones";
  ExpectPayloadDefect(SealKeys({{.id = 0}}), ErrorCode::kCorrupt, "of id 0");
  ExpectPayloadDefect(SealKeys({{.method = 9}}), ErrorCode::kUnsupported, "data key 1: unknown method 9");
  ExpectPayloadDefect(SealKeys({{.flags = 2}}), ErrorCode::kUnsupported, "data key 1: unknown flags 0x2");
  ExpectPayloadDefect(SealKeys({{.key_bytes = 15}}), ErrorCode::kCorrupt, "ends within data key 1");
  ExpectPayloadDefect(SealKeys({{.key_bytes = 17}}), ErrorCode::kCorrupt, "1 bytes follow");
  ExpectPayloadDefect(SealKeys({{}, {}}), ErrorCode::kCorrupt, "data key 1 after 1");
  ExpectPayloadDefect(SealKeys({{.id = 2}, {.id = 1}}), ErrorCode::kCorrupt, "data key 1 after 2");
  ExpectPayloadDefect(SealKeys({{}}, 2), ErrorCode::kCorrupt, "current data key 2 is not in it");
  ExpectPayloadDefect(SealKeys({{}}, 1, 4), ErrorCode::kUnsupported, "unknown setting bit 2");
  ExpectPayloadDefect(SealKeys({}), ErrorCode::kCorrupt, "0 data keys");
  ExpectPayloadDefect(Seal(Bytes(20)), ErrorCode::kCorrupt, "too short");
  ExpectPayloadDefect(Seal(Bytes(76)), ErrorCode::kCorrupt, "ends before its data keys");
  Bytes many(80);
  many[76] = std::byte{0xff};
  ExpectPayloadDefect(Seal(many), ErrorCode::kCorrupt, "4278190080 data keys, expected 1 to 4096");
  many[76] = std::byte{0};
  many[79] = std::byte{1};
  ExpectPayloadDefect(Seal(many), ErrorCode::kCorrupt, "ends within a data key");
  ExpectPayloadDefect(Seal(Bytes(1 << 20)), ErrorCode::kCorrupt, "its payload has 1048576 bytes, at most");
}

TEST_F(KeyDictionaryTest, WhatNoReaderTakesIsNotWritten) {
  auto code_of = [&](const KeyDictionary& dictionary) {
    auto encoded = EncodeKeyDictionary(dictionary, root_key_);
    return encoded ? ErrorCode::kSystem : encoded.error().code;
  };
  KeyDictionary dictionary = MakeDictionary();
  dictionary.header.wraps.clear();
  EXPECT_EQ(code_of(dictionary), ErrorCode::kLimit);
  dictionary.header.wraps.assign(kWrapsMax + 1, MakeWrap("file:/a"));
  EXPECT_EQ(code_of(dictionary), ErrorCode::kLimit);
  dictionary.header.wraps = {MakeWrap(std::string(kWrapTextBytesMax + 1, 'x'))};
  EXPECT_EQ(code_of(dictionary), ErrorCode::kLimit);
  dictionary.header.wraps = {MakeWrap("file:/two\nlines")};
  EXPECT_EQ(code_of(dictionary), ErrorCode::kLimit);
  dictionary = MakeDictionary();
  dictionary.header.wraps[0].wrapped_root_key.resize(kWrappedKeyBytesMax + 1);
  EXPECT_EQ(code_of(dictionary), ErrorCode::kLimit);
  dictionary = MakeDictionary();
  dictionary.current_key_id = 99;
  EXPECT_EQ(code_of(dictionary), ErrorCode::kCorrupt);
  dictionary = MakeDictionary();
  dictionary.keys.at(12).key = *RandomSecret(16);
  EXPECT_EQ(code_of(dictionary), ErrorCode::kCorrupt);
  dictionary = MakeDictionary();
  dictionary.tag_mac_key = {};
  EXPECT_EQ(code_of(dictionary), ErrorCode::kCorrupt);
  dictionary = MakeDictionary();
  dictionary.keys.at(12).id = 13;
  EXPECT_EQ(code_of(dictionary), ErrorCode::kCorrupt);
}

TEST_F(KeyDictionaryTest, HoldsAsManyKeysAndWrapsAsItPromises) {
  KeyDictionary dictionary = MakeDictionary();
  dictionary.header.wraps.assign(kWrapsMax, MakeWrap(std::string(kWrapTextBytesMax, 'x')));
  for (DataKeyId id = 1000; dictionary.keys.size() < kDataKeysMax; ++id) AddKey(dictionary, id, Method::kAes256Ctr);
  const KeyDictionary copy = dictionary.Clone();  // as rotation holds one, in the same secure heap
  auto encoded = EncodeKeyDictionary(copy, root_key_);
  ASSERT_TRUE(encoded) << encoded.error().Text();
  EXPECT_LE(encoded->size(), kKeyDictionaryBytesMax);
  auto decoded = DecodeKeyDictionary(*encoded, root_key_);
  ASSERT_TRUE(decoded) << decoded.error().Text();
  EXPECT_EQ(decoded->keys.size(), kDataKeysMax);
  AddKey(dictionary, 999, Method::kAes256Ctr);
  auto refused = EncodeKeyDictionary(dictionary, root_key_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace tdefs
