#include "crypto/speed.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "vectors.h"

namespace tdefs {
namespace {

TEST(SpeedTest, OneRowForEachMethodAndBlockSize) {
  std::set<std::pair<Method, size_t>> cases;
  for (const SpeedRow& row : MeasureSpeed(std::chrono::milliseconds(0))) {
    EXPECT_TRUE(cases.emplace(row.method, row.block_bytes).second);
    EXPECT_GT(row.gigabytes_per_s, 0.0);
  }
  EXPECT_EQ(cases.size(), std::size(kCtrMethods) * 3);
  EXPECT_TRUE(cases.contains({Method::kSm4Ctr, 4096}));
  EXPECT_FALSE(cases.contains({Method::kPlaintext, 4096}));
}

TEST(SpeedTest, LibraryVersionNamesOpenssl) {
  EXPECT_TRUE(CryptoLibraryVersion().starts_with("OpenSSL 3."));
}

}  // namespace
}  // namespace tdefs
