#include "crypto/random.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <set>

#include "crypto/zero_units.h"
#include "vectors.h"

namespace tdefs {
namespace {

TEST(RandomTest, FillsEveryByte) {
  // A byte that is never written stays zero in all 64 rounds; by chance that happens once in 2^512.
  Bytes seen(257);
  for (int round = 0; round < 64; ++round) {
    Bytes bytes(seen.size());
    ASSERT_TRUE(FillRandom(bytes));
    for (size_t i = 0; i < bytes.size(); ++i) seen[i] |= bytes[i];
  }
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_NE(seen[i], std::byte{0}) << i;
}

TEST(RandomTest, TwoDrawsDiffer) {
  std::set<Bytes> drawn;
  for (int i = 0; i < 1000; ++i) {
    Bytes bytes(16);
    ASSERT_TRUE(FillRandom(bytes));
    EXPECT_TRUE(drawn.insert(bytes).second);
  }
}

TEST(RandomTest, RequestsLargerThanOneDrawOfTheGeneratorAreFilled) {
  Bytes bytes(1 << 20);
  ASSERT_TRUE(FillRandom(bytes));
  EXPECT_FALSE(IsZero(ByteView(bytes).last(32)));
}

TEST(RandomTest, SecretsAreRandomAndInTheSecureHeap) {
  auto first = RandomSecret(32);
  auto second = RandomSecret(32);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->size(), 32U);
  EXPECT_EQ(CRYPTO_secure_allocated(first->view().data()), 1);
  EXPECT_FALSE(SecretsEqual(first->view(), second->view()));
  EXPECT_FALSE(IsZero(first->view()));
}

TEST(RandomTest, NothingAskedNothingDone) {
  EXPECT_TRUE(FillRandom({}));
  EXPECT_TRUE(RandomSecret(0).value().empty());
}

}  // namespace
}  // namespace tdefs
