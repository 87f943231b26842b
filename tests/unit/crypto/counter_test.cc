#include "crypto/counter.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace tdefs {
namespace {

std::string CounterHex(std::string_view iv, uint64_t offset_bytes) {
  return ToHex(CounterAt(IvOf(iv), offset_bytes));
}

TEST(CounterTest, CountsUnitsOf16Bytes) {
  EXPECT_EQ(CounterHex("00000000000000000000000000000000", 0), "00000000000000000000000000000000");
  EXPECT_EQ(CounterHex("00000000000000000000000000000000", 15), "00000000000000000000000000000000");
  EXPECT_EQ(CounterHex("00000000000000000000000000000000", 16), "00000000000000000000000000000001");
  EXPECT_EQ(CounterHex("00000000000000000000000000000000", UINT64_MAX), "00000000000000000fffffffffffffff");
}

TEST(CounterTest, CarriesInto65thBitAndWrapsAt128) {
  EXPECT_EQ(CounterHex("0000000000000000ffffffffffffffff", 16), "00000000000000010000000000000000");
  EXPECT_EQ(CounterHex("00000000000000fffffffffffffffffe", 48), "00000000000001000000000000000001");
  EXPECT_EQ(CounterHex("ffffffffffffffffffffffffffffffff", 16), "00000000000000000000000000000000");
}

}  // namespace
}  // namespace tdefs
