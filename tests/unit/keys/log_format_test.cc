#include "keys/log_format.h"

#include <gtest/gtest.h>

#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

class LogFormatTest : public testing::Test {
 protected:
  Error Refused(ByteView bytes) {
    auto decoded = DecodeLogHeader(bytes, TestStore::Id(), key_);
    if (decoded) {
      ADD_FAILURE() << "header was accepted";
      return {};
    }
    return decoded.error();
  }
  Bytes key_ = TestStore::Key();
  Bytes header_ = LogBuilder(TestStore::Id(), 7).bytes();
};

TEST_F(LogFormatTest, HeaderRoundTrip) {
  auto decoded = DecodeLogHeader(header_, TestStore::Id(), key_);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->store_id, TestStore::Id());
  EXPECT_EQ(decoded->generation, 7u);
  EXPECT_EQ(header_.size(), kLogHeaderBytes);
}

TEST_F(LogFormatTest, SaltIsFreshForEachHeader) {
  auto one = NewLogHeader(TestStore::Id(), 1), two = NewLogHeader(TestStore::Id(), 1);
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->salt, two->salt);
}

TEST_F(LogFormatTest, ShortHeaderIsCorruptAndSaysHowShort) {
  for (size_t length = 0; length < kLogHeaderBytes; ++length) {
    const Error error = Refused(ByteView(header_).first(length));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_EQ(error.message, "file dictionary: header is " + std::to_string(length) + " bytes, expected 104");
  }
}

TEST_F(LogFormatTest, OtherMagicIsNamed) {
  const Bytes elf = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'}};
  const Error error = Refused(elf);
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_EQ(error.message, "not a file dictionary (magic 7f454c46 at offset 0, expected 74646566732e6664)");
}

TEST_F(LogFormatTest, UnknownVersionAndFeatureBitsAreUnsupportedAndNamed) {
  header_[11] = std::byte{255};
  Error error = Refused(header_);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("format 255 at offset 8, this build reads 1"), std::string::npos) << error.message;
  header_[11] = std::byte{1};
  header_[15] = std::byte{4};
  error = Refused(header_);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_NE(error.message.find("0x00000004"), std::string::npos) << error.message;
}

TEST_F(LogFormatTest, OneFlippedBitAnywhereIsRefused) {
  for (size_t bit = 0; bit < header_.size() * 8; ++bit) {
    header_[bit / 8] ^= std::byte{1} << (bit % 8);
    const ErrorCode code = Refused(header_).code;
    EXPECT_EQ(code, bit / 8 >= 8 && bit / 8 < 16 ? ErrorCode::kUnsupported : ErrorCode::kCorrupt) << "bit " << bit;
    header_[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST_F(LogFormatTest, AnotherKeyDoesNotVerify) {
  key_[0] ^= std::byte{1};
  EXPECT_EQ(Refused(header_).message,
            "file dictionary: header does not verify: the MAC at offset 72 is not that of bytes 0 to 71");
}

TEST_F(LogFormatTest, AnotherStoreIsNamed) {
  const Bytes other = LogBuilder(StoreId{std::byte{0x99}}).bytes();
  EXPECT_NE(Refused(other).message.find("store id at offset 16 is 99"), std::string::npos);
}

TEST_F(LogFormatTest, RecordVerifiesOnlyInItsOwnGenerationAndStore) {
  const auto header = *NewLogHeader(TestStore::Id(), 1);
  LogHeader other_generation = header, other_store = header;
  other_generation.generation = 2;
  other_store.store_id[0] ^= std::byte{1};
  Bytes record, body(5);
  ASSERT_TRUE(LogCipher::Create(header, key_)->Seal(0, 0, AsBytes("hello"), record));
  EXPECT_TRUE(LogCipher::Create(header, key_)->Open(record, body));
  EXPECT_EQ(AsText(body), "hello");
  EXPECT_FALSE(LogCipher::Create(other_generation, key_)->Open(record, body));
  EXPECT_FALSE(LogCipher::Create(other_store, key_)->Open(record, body));
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    record[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(LogCipher::Create(header, key_)->Open(record, body)) << "bit " << bit;
    record[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST_F(LogFormatTest, NonceIsFreshForEachRecord) {
  auto cipher = LogCipher::Create(*NewLogHeader(TestStore::Id(), 1), key_);
  Bytes one, two;
  ASSERT_TRUE(cipher->Seal(0, 0, AsBytes("same"), one));
  ASSERT_TRUE(cipher->Seal(0, 0, AsBytes("same"), two));
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace tdefs
