#include "base/bytes.h"

#include <gtest/gtest.h>

namespace tdefs {
namespace {

TEST(BytesTest, IntegersAreBigEndian) {
  ByteWriter writer;
  writer.Put<uint8_t>(0x01);
  writer.Put<uint16_t>(0x0203);
  writer.Put<uint32_t>(0x04050607);
  writer.Put<uint64_t>(0x08090a0b0c0d0e0f);
  EXPECT_EQ(writer.size(), 15U);
  EXPECT_EQ(ToHex(writer.bytes()), "0102030405060708090a0b0c0d0e0f");
}

TEST(BytesTest, LargestIntegersSurviveARoundTrip) {
  ByteWriter writer;
  writer.Put<uint8_t>(UINT8_MAX);
  writer.Put<uint16_t>(UINT16_MAX);
  writer.Put<uint32_t>(UINT32_MAX);
  writer.Put<uint64_t>(UINT64_MAX - 1);
  const Bytes bytes = writer.Take();
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Get<uint8_t>(), UINT8_MAX);
  EXPECT_EQ(reader.Get<uint16_t>(), UINT16_MAX);
  EXPECT_EQ(reader.Get<uint32_t>(), UINT32_MAX);
  EXPECT_EQ(reader.Get<uint64_t>(), UINT64_MAX - 1);
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(BytesTest, WriterAppendsBytesAndGivesThemAway) {
  ByteWriter writer;
  writer.PutBytes({});
  writer.PutBytes(AsBytes("ab"));
  writer.PutBytes(AsBytes("c"));
  EXPECT_EQ(AsText(writer.bytes()), "abc");
  const Bytes bytes = writer.Take();
  EXPECT_EQ(AsText(bytes), "abc");
  EXPECT_EQ(writer.size(), 0U);
}

TEST(BytesTest, ReaderRefusesWhatIsNotThereAndKeepsTheRest) {
  const Bytes bytes = FromHex("010203").value();
  ByteReader reader(bytes);
  EXPECT_FALSE(reader.Get<uint32_t>());
  EXPECT_FALSE(reader.GetBytes(4));
  EXPECT_FALSE(reader.GetBytes(SIZE_MAX));
  EXPECT_EQ(reader.remaining(), 3U);
  EXPECT_EQ(reader.Get<uint16_t>(), 0x0102);
  EXPECT_EQ(ToHex(reader.GetBytes(1).value()), "03");
  EXPECT_FALSE(reader.Get<uint8_t>());
  EXPECT_TRUE(reader.GetBytes(0));
}

TEST(BytesTest, HexIsLowerCaseTwoDigitsAByte) {
  EXPECT_EQ(ToHex({}), "");
  EXPECT_EQ(ToHex(FromHex("00090aFf7F80").value()), "00090aff7f80");
}

TEST(BytesTest, HexSurvivesARoundTripForEachByte) {
  for (unsigned value = 0; value < 256; ++value) {
    const Bytes bytes(1, static_cast<std::byte>(value));
    EXPECT_EQ(FromHex(ToHex(bytes)), bytes);
  }
}

TEST(BytesTest, HexOfOddLengthOrOtherCharactersIsRefused) {
  EXPECT_EQ(FromHex(""), Bytes());
  for (std::string_view text : {"0", "abc", "0g", "g0", "0x", " 0", "0\n", "+1", "/0", ":0", "@0", "G0", "`0",
                                "\xff"
                                "0"}) {
    EXPECT_FALSE(FromHex(text)) << text;
  }
  EXPECT_FALSE(FromHex(std::string_view("0\0", 2)));
}

}  // namespace
}  // namespace tdefs
