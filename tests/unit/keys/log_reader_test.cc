#include "keys/log_reader.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

struct Outcome {
  uint32_t records = 0;
  uint64_t torn_bytes = 0;
  std::string refusal;  // empty: it was read
};

Outcome ReadLog(const Bytes& bytes) {
  Outcome outcome;
  UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  EXPECT_TRUE(WriteAt(file.get(), bytes, 0));
  auto reader = LogReader::Open(file.get(), bytes.size(), TestStore::Id(), TestStore::Key());
  if (!reader) return {.refusal = reader.error().message};
  while (true) {
    auto body = reader->Next();
    if (!body) {
      EXPECT_EQ(body.error().code, ErrorCode::kCorrupt);
      outcome.refusal = body.error().message;
      break;
    }
    if (!*body) break;
  }
  outcome.records = reader->records();
  outcome.torn_bytes = reader->torn_bytes();
  return outcome;
}

class LogReaderTest : public testing::Test {
 protected:
  // A log of `count` records; starts_[i] is where record i begins, and the last one is the end.
  void Build(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) starts_.push_back(log_.AddInsert(i, "/file" + std::to_string(i)));
    starts_.push_back(log_.bytes().size());
  }
  LogBuilder log_;
  std::vector<size_t> starts_;
};

TEST_F(LogReaderTest, HeaderAloneIsAnEmptyLog) {
  Build(0);
  const Outcome outcome = ReadLog(log_.bytes());
  EXPECT_EQ(outcome.refusal, "");
  EXPECT_EQ(outcome.records, 0u);
}

TEST_F(LogReaderTest, LogCutAnywhereReadsAsItsPrefix) {
  Build(4);
  for (size_t length = kLogHeaderBytes; length <= log_.bytes().size(); ++length) {
    const auto whole = std::ranges::upper_bound(starts_, length) - starts_.begin() - 1;
    const Outcome outcome = ReadLog(Bytes(log_.bytes().begin(), log_.bytes().begin() + static_cast<ptrdiff_t>(length)));
    EXPECT_EQ(outcome.refusal, "") << length;
    EXPECT_EQ(outcome.records, static_cast<uint32_t>(whole)) << length;
    EXPECT_EQ(outcome.torn_bytes, length - starts_[static_cast<size_t>(whole)]) << length;
  }
}

TEST_F(LogReaderTest, FlippedBitIsDamageBeforeTheLastRecordAndAtMostATornTailInIt) {
  Build(4);
  for (size_t bit = kLogHeaderBytes * 8; bit < log_.bytes().size() * 8; ++bit) {
    Bytes damaged = log_.bytes();
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    const Outcome outcome = ReadLog(damaged);
    const auto hit = static_cast<uint32_t>(std::ranges::upper_bound(starts_, bit / 8) - starts_.begin() - 1);
    EXPECT_EQ(outcome.records, hit) << "bit " << bit;
    const bool torn = outcome.refusal.empty();
    EXPECT_EQ(outcome.torn_bytes, torn ? starts_[4] - starts_[3] : 0) << "bit " << bit;
    EXPECT_TRUE(!torn || hit == 3) << "bit " << bit;
  }
}

TEST_F(LogReaderTest, DamageIsReportedWithNumberAndOffset) {
  Build(3);
  log_.bytes()[starts_[1] + 30] ^= std::byte{1};
  EXPECT_EQ(ReadLog(log_.bytes()).refusal, "file dictionary: record 1 at offset " + std::to_string(starts_[1]) +
                                               ": tag does not verify, but record 2 at offset " +
                                               std::to_string(starts_[2]) + " does");
}

TEST_F(LogReaderTest, LastRecordWithABadTagIsATornTail) {
  Build(3);
  log_.bytes().back() ^= std::byte{1};
  const Outcome outcome = ReadLog(log_.bytes());
  EXPECT_EQ(outcome.refusal, "");
  EXPECT_EQ(outcome.records, 2u);
}

TEST_F(LogReaderTest, LengthFlippedInTheMiddleIsDamageNotATornTail) {
  Build(3);
  for (const uint32_t length : {0u, 1u, 60'000u, 65'537u, 0x7fffffffu, 0xffffffffu}) {
    Bytes damaged = log_.bytes();
    StoreBigEndian(length, damaged.data() + starts_[1]);
    EXPECT_NE(ReadLog(damaged).refusal, "") << length;
  }
}

TEST_F(LogReaderTest, ImpossibleLengthOfTheLastRecordIsDamage) {
  Build(2);
  StoreBigEndian(uint32_t{0xffffffff}, log_.bytes().data() + starts_[1]);
  const std::string refusal = ReadLog(log_.bytes()).refusal;
  EXPECT_NE(refusal.find("length 4294967295, at most 65536"), std::string::npos) << refusal;
}

TEST_F(LogReaderTest, ZeroFilledTailIsIgnored) {
  Build(2);
  for (const size_t zeros : {1u, 23u, 24u, 4096u, 5'000'000u}) {
    Bytes padded = log_.bytes();
    padded.resize(padded.size() + zeros);
    const Outcome outcome = ReadLog(padded);
    EXPECT_EQ(outcome.refusal, "") << zeros;
    EXPECT_EQ(outcome.records, 2u);
    EXPECT_EQ(outcome.torn_bytes, zeros);
  }
}

TEST_F(LogReaderTest, MoreRubbishThanOneRecordIsDamage) {
  Build(2);
  log_.bytes().resize(log_.bytes().size() + 3);
  log_.bytes().resize(log_.bytes().size() + kLogRecordBytesMax + 4096, std::byte{0xab});
  EXPECT_NE(ReadLog(log_.bytes()).refusal.find("bytes that hold no record"), std::string::npos);
}

TEST_F(LogReaderTest, RepeatedMissingAndDescendingNumbersAreDamage) {
  for (const uint32_t second : {0u, 2u, 9u}) {
    LogBuilder log;
    log.AddInsert(0, "/a");
    const size_t at = log.AddInsert(second, "/b");
    EXPECT_EQ(ReadLog(log.bytes()).refusal, "file dictionary: record 1 at offset " + std::to_string(at) + ": number " +
                                                std::to_string(second) + " after 0");
  }
  LogBuilder log;
  log.AddInsert(1, "/a");
  EXPECT_EQ(ReadLog(log.bytes()).refusal, "file dictionary: record 0 at offset 104: number 1, expected 0");
}

TEST_F(LogReaderTest, ConcatenatedLogsAreDamage) {
  Build(2);
  LogBuilder other(StoreId{std::byte{0x77}});
  other.AddInsert(0, "/x");
  Bytes joined = log_.bytes();
  joined.insert(joined.end(), other.bytes().begin(), other.bytes().end());
  EXPECT_NE(ReadLog(joined).refusal.find("store id mismatch"), std::string::npos) << ReadLog(joined).refusal;

  Bytes doubled = log_.bytes();
  doubled.insert(doubled.end(), log_.bytes().begin(), log_.bytes().end());
  EXPECT_NE(ReadLog(doubled).refusal.find("a second header"), std::string::npos) << ReadLog(doubled).refusal;
  doubled.resize(log_.bytes().size() + 50);
  EXPECT_NE(ReadLog(doubled).refusal.find("a second header"), std::string::npos) << ReadLog(doubled).refusal;
}

// A power cut that kept later pages of what was never synced, and lost earlier ones.
class LostPageTest : public testing::Test {
 protected:
  // Records 0-9 small, then zeros over one whole page in the middle of larger records, then more records.
  Bytes WithLostPage(uint32_t durable_after) {
    LogBuilder log;
    uint32_t number = 0;
    for (; log.bytes().size() < 4096; ++number) log.AddInsert(number, "/early" + std::to_string(number));
    first_lost_ = number;
    for (; log.bytes().size() < 8192 + 4096; ++number) log.AddInsert(number, "/middle" + std::to_string(number));
    for (int i = 0; i < 20; ++i, ++number) log.AddInsert(number, "/late" + std::to_string(number), durable_after);
    Bytes bytes = log.bytes();
    std::fill(bytes.begin() + 4096, bytes.begin() + 8192, std::byte{0});
    return bytes;
  }
  uint32_t first_lost_ = 0;
};

TEST_F(LostPageTest, IsATornTailIfNothingBehindItWasDurable) {
  const Outcome outcome = ReadLog(WithLostPage(0));
  EXPECT_EQ(outcome.refusal, "");
  EXPECT_LE(outcome.records, first_lost_);
  EXPECT_GE(outcome.records + 1, first_lost_);
  EXPECT_GT(outcome.torn_bytes, 4096u);
}

TEST_F(LostPageTest, IsDamageIfALaterRecordSaysItWasDurable) {
  EXPECT_NE(ReadLog(WithLostPage(60)).refusal, "");
}

TEST_F(LogReaderTest, SearchForLaterRecordsIsBounded) {
  Build(1);
  // Every twelfth byte begins what could be a record of the greatest length, number 0.
  const size_t start = log_.bytes().size();
  log_.bytes().resize(start + (1 << 20));
  for (size_t at = start; at + 12 < log_.bytes().size(); at += 12) {
    StoreBigEndian(uint32_t{kLogBodyBytesMax}, log_.bytes().data() + at);
  }
  const std::string refusal = ReadLog(log_.bytes()).refusal;
  EXPECT_NE(refusal.find("too much behind it looks like records"), std::string::npos) << refusal;
}

}  // namespace
}  // namespace tdefs
