// OpenFile against a byte array: R10, and every operation that changes where a file has content.
#include "fs/open_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "crypto/random.h"

namespace tdefs {
namespace {

constexpr uint64_t kSizeMax = 3 * 4096 + 100;

class OpenFileTest : public ::testing::TestWithParam<Method> {
 protected:
  void SetUp() override {
    char path[] = "/var/tmp/tdefs-open-file-XXXXXX";
    backing_.Reset(::mkstemp(path));
    ASSERT_TRUE(backing_);
    ::unlink(path);
    ContentKey key;
    key.record.method = GetParam();
    if (GetParam() != Method::kPlaintext) {
      ASSERT_TRUE(FillRandom(key.record.iv));
      SecretBytes secret(MethodKeyBytes(GetParam()));
      ASSERT_TRUE(FillRandom(secret.span()));
      key.cipher = *ContentCipher::Create(GetParam(), secret.view());
    }
    key_ = key;
    auto file = OpenFile::Create(UniqueFd(::dup(backing_.get())), true, key, statistics_);
    ASSERT_TRUE(file);
    file_ = *file;
  }

  Bytes ReadAll() {
    IoBuffer buffer;
    auto view = file_->Read(0, 1 << 20, false, buffer);
    EXPECT_TRUE(view);
    return {view->begin(), view->end()};
  }
  void Write(uint64_t offset, Bytes data) {
    auto written = file_->Write(offset, data, false);
    ASSERT_TRUE(written) << written.error().Text();
    ASSERT_EQ(*written, data.size());
  }
  static Bytes Filled(size_t size, unsigned char value) { return Bytes(size, static_cast<std::byte>(value)); }

  UniqueFd backing_;
  ContentKey key_;
  VolumeStatistics statistics_;
  std::shared_ptr<OpenFile> file_;
};

TEST_P(OpenFileTest, GrowingReadsAsZerosFromEveryOldToEveryNewSize) {
  for (uint64_t old_size = 0; old_size <= 33; ++old_size) {
    for (uint64_t new_size = old_size + 1; new_size <= 66; ++new_size) {
      ASSERT_TRUE(file_->Resize(0));
      if (old_size > 0) Write(0, Filled(old_size, 0xab));
      ASSERT_TRUE(file_->Resize(new_size));
      Bytes expected = Filled(old_size, 0xab);
      expected.resize(new_size);
      ASSERT_EQ(ReadAll(), expected) << old_size << " to " << new_size;
    }
  }
}

TEST_P(OpenFileTest, WriteAnywhereInAHoleLeavesTheRestZero) {
  for (uint64_t offset = 0; offset <= 48; ++offset) {
    for (size_t size = 1; size <= 40; ++size) {
      ASSERT_TRUE(file_->Resize(0));
      ASSERT_TRUE(file_->Resize(100));
      Write(offset, Filled(size, 0xcd));
      Bytes expected = Filled(100, 0);
      std::fill_n(expected.begin() + static_cast<ptrdiff_t>(offset), size, std::byte{0xcd});
      ASSERT_EQ(ReadAll(), expected) << size << " at " << offset;
    }
  }
}

TEST_P(OpenFileTest, CutInsideAHoleAndGrownAgainReadsAsZeros) {
  for (uint64_t cut = 1; cut < 64; ++cut) {
    ASSERT_TRUE(file_->Resize(0));
    ASSERT_TRUE(file_->Resize(64));
    ASSERT_TRUE(file_->Resize(cut));
    ASSERT_EQ(ReadAll(), Filled(cut, 0));
    ASSERT_TRUE(file_->Resize(64));
    ASSERT_EQ(ReadAll(), Filled(64, 0));
  }
}

TEST_P(OpenFileTest, WriteFarBeyondTheEndLeavesZerosBetween) {
  Write(0, Filled(5, 1));
  Write(10'003, Filled(7, 2));
  Bytes expected = Filled(10'010, 0);
  std::fill_n(expected.begin(), 5, std::byte{1});
  std::fill_n(expected.begin() + 10'003, 7, std::byte{2});
  EXPECT_EQ(ReadAll(), expected);
}

TEST_P(OpenFileTest, OffsetsNearTheLargestAreRefusedOrWork) {
  Bytes byte = Filled(1, 1);
  auto beyond = file_->Write(uint64_t{1} << 63, byte, false);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().sys_errno, EFBIG);
  ASSERT_TRUE(file_->Resize(uint64_t{1} << 40));
  Write((uint64_t{1} << 40) - 3, Filled(3, 9));
  IoBuffer buffer;
  auto tail = file_->Read((uint64_t{1} << 40) - 5, 100, false, buffer);
  ASSERT_TRUE(tail);
  EXPECT_EQ(Bytes(tail->begin(), tail->end()),
            Bytes({std::byte{0}, std::byte{0}, std::byte{9}, std::byte{9}, std::byte{9}}));
}

TEST_P(OpenFileTest, EmptyTakesANewKeyOnlyIfItIsPersisted) {
  Write(0, Filled(100, 7));
  ContentKey other = key_;
  other.record.key_id = 77;
  EXPECT_FALSE(file_->Empty(other, [] { return Status(FailErrno(ENOSPC)); }));
  EXPECT_EQ(file_->size_bytes(), 0u);
  EXPECT_EQ(file_->record(), key_.record);
  Bytes content = Filled(1, 1);
  auto refused = file_->Write(0, content, false);
  ASSERT_FALSE(refused) << "the old IV has been used";
  EXPECT_EQ(refused.error().sys_errno, ENOSPC);
  EXPECT_FALSE(file_->Resize(1));
  EXPECT_TRUE(file_->Empty(other, [] { return Status(); }));
  EXPECT_EQ(file_->record(), other.record);
}

TEST_P(OpenFileTest, UnknownAllocationModesAreRefused) {
  for (int mode : {FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_PUNCH_HOLE}) {
    auto status = file_->Allocate(mode, 0, 4096);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().sys_errno, EOPNOTSUPP);
  }
}

TEST_P(OpenFileTest, BackingSizeEqualsPlaintextSizeAndContentIsNotThere) {
  Write(0, Filled(1000, 'M'));
  Bytes stored(1000);
  ASSERT_EQ(*ReadAt(backing_.get(), stored, 0), 1000u);
  EXPECT_EQ(stored == Filled(1000, 'M'), GetParam() == Method::kPlaintext);
  struct stat attributes;
  ASSERT_EQ(::fstat(backing_.get(), &attributes), 0);
  EXPECT_EQ(attributes.st_size, 1000);
}

TEST_P(OpenFileTest, ZeroFilledBlocksPutNoKeystreamOnTheDisk) {
  Write(0, Filled(8192, 0));
  Bytes stored(8192);
  ASSERT_EQ(*ReadAt(backing_.get(), stored, 0), 8192u);
  EXPECT_TRUE(IsZero(stored));
  EXPECT_EQ(ReadAll(), Filled(8192, 0));
}

TEST_P(OpenFileTest, OverwrittenBytesAreCountedForCounterMode) {
  Write(0, Filled(100, 1));
  EXPECT_EQ(statistics_.ctr_overwritten_bytes, 0u);
  Write(90, Filled(20, 2));
  EXPECT_EQ(statistics_.ctr_overwritten_bytes, GetParam() == Method::kPlaintext ? 0u : 10u);
}

// One random operation on both; the array is the truth.
class Model {
 public:
  Model(OpenFile& file, uint64_t seed) : file_(file), random_(seed) {}

  std::string Step() {
    const uint64_t offset = Below(kSizeMax);
    const uint64_t length = 1 + (Below(4) == 0 ? Below(6000) : Below(40));
    switch (Below(8)) {
      case 0:
        return Resize(Below(3) == 0 ? AlignDown(offset, 16) : offset);
      case 1:
        return Zero("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
      case 2:
        return Zero("zero range, size kept", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
      case 3:
        return Zero("zero range", FALLOC_FL_ZERO_RANGE, offset, length);
      case 4:
        return Zero("allocate", 0, offset, length);
      default:
        return Write(offset, length);
    }
  }
  const Bytes& content() const { return content_; }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  std::string Resize(uint64_t size) {
    EXPECT_TRUE(file_.Resize(size));
    content_.resize(size);
    return "resize to " + std::to_string(size);
  }
  std::string Write(uint64_t offset, uint64_t length) {
    Bytes data(length);
    const bool zeros = Below(4) == 0;
    for (std::byte& b : data) b = zeros ? std::byte{0} : static_cast<std::byte>(random_());
    if (offset + length > content_.size()) content_.resize(offset + length);
    std::copy(data.begin(), data.end(), content_.begin() + static_cast<ptrdiff_t>(offset));
    auto written = file_.Write(offset, data, Below(2) == 0);
    EXPECT_TRUE(written && *written == length);
    return "write of " + std::to_string(length) + " at " + std::to_string(offset);
  }
  std::string Zero(const char* what, int mode, uint64_t offset, uint64_t length) {
    EXPECT_TRUE(file_.Allocate(mode, offset, length));
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && offset + length > content_.size()) content_.resize(offset + length);
    if (mode != 0) {
      for (uint64_t i = offset; i < std::min<uint64_t>(offset + length, content_.size()); ++i) content_[i] = {};
    }
    return std::string(what) + " of " + std::to_string(length) + " at " + std::to_string(offset);
  }

  OpenFile& file_;
  std::mt19937_64 random_;
  Bytes content_;
};

TEST_P(OpenFileTest, RandomOperationsEqualAByteArray) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    ASSERT_TRUE(file_->Resize(0));
    Model model(*file_, seed);
    for (int step = 0; step < 700; ++step) {
      const std::string done = model.Step();
      const Bytes found = ReadAll();
      ASSERT_EQ(found.size(), model.content().size()) << "seed " << seed << " step " << step << ": " << done;
      ASSERT_TRUE(found == model.content()) << "seed " << seed << " step " << step << ": " << done;
    }
    std::mt19937_64 random(seed);
    IoBuffer buffer;
    for (int i = 0; i < 300 && !model.content().empty(); ++i) {
      const uint64_t offset = random() % model.content().size();
      const size_t size = random() % 5000;
      auto view = file_->Read(offset, size, random() % 2 == 0, buffer);
      ASSERT_TRUE(view);
      const size_t expected = std::min<size_t>(size, model.content().size() - offset);
      ASSERT_EQ(view->size(), expected);
      ASSERT_TRUE(std::equal(view->begin(), view->end(), model.content().begin() + static_cast<ptrdiff_t>(offset)));
    }
  }
}

// A file of 5 bytes ends inside a unit, which is filled before the file grows: a growth that is refused must undo that.
TEST_P(OpenFileTest, AGrowthThatIsRefusedLeavesTheSize) {
  Write(0, Filled(5, 'a'));
  constexpr uint64_t kTooLong = uint64_t{1} << 62;
  // Neither is possible on ext4; where the size is (XFS), it is not an error.
  for (const uint64_t size : {kTooLong, kTooLong + 3}) {
    if (file_->Resize(size)) GTEST_SKIP() << "this filesystem has larger files";
    struct stat attributes {};
    ASSERT_EQ(::fstat(backing_.get(), &attributes), 0);
    EXPECT_EQ(attributes.st_size, 5);
    EXPECT_EQ(file_->size_bytes(), 5U);
  }
}

// The unit before the place of the write can be filled, the write itself cannot be made.
TEST_P(OpenFileTest, AWriteBehindTheEndThatFailsLeavesTheSize) {
  Write(0, Filled(5, 'a'));
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit limit { 8192 + 7, old.rlim_max };
  auto* const handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  Bytes data = Filled(100, 'b');
  auto written = file_->Write(8192 + 7, data, false);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().Errno(), EFBIG);
  EXPECT_EQ(file_->size_bytes(), 5U);
  EXPECT_EQ(ReadAll(), Filled(5, 'a'));
}

INSTANTIATE_TEST_SUITE_P(Methods, OpenFileTest, ::testing::ValuesIn(kAllMethods), [](const auto& instance) {
  std::string name(MethodName(instance.param));
  std::erase(name, '-');
  return name;
});

TEST(OpenFileSyncTest, AFailedSyncIsToldOncePerHandle) {
  // fsync of a pipe fails with EINVAL, every time.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  UniqueFd writer(ends[1]);
  VolumeStatistics statistics;
  auto file = OpenFile::Create(UniqueFd(ends[0]), false, {}, statistics);
  ASSERT_TRUE(file);
  uint64_t first = (*file)->errors();
  uint64_t second = (*file)->errors();
  EXPECT_FALSE((*file)->Sync(true, first));
  EXPECT_EQ(first, 1u);
  auto told = (*file)->Sync(false, second);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().sys_errno, EINVAL);
  EXPECT_EQ(second, 2u);
}

}  // namespace
}  // namespace tdefs
