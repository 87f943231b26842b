// The end of a file after a power cut, on a filesystem that may keep a size without its data (ext4).
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file_io.h"
#include "crypto/random.h"
#include "fs/open_file.h"

namespace tdefs {
namespace {

class OpenFileTailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/var/tmp/tdefs-open-file-XXXXXX";
    backing_.Reset(::mkstemp(path));
    ASSERT_TRUE(backing_);
    ::unlink(path);
    struct statfs filesystem;
    ASSERT_EQ(::fstatfs(backing_.get(), &filesystem), 0);
    if (filesystem.f_type != EXT4_SUPER_MAGIC) GTEST_SKIP() << "/var/tmp is not ext4";
    key_.record.method = Method::kAes256Ctr;
    ASSERT_TRUE(FillRandom(key_.record.iv));
    SecretBytes secret(MethodKeyBytes(key_.record.method));
    ASSERT_TRUE(FillRandom(secret.span()));
    key_.cipher = *ContentCipher::Create(key_.record.method, secret.view());
    Open();
  }
  void Open() {
    auto file = OpenFile::Create(UniqueFd(::dup(backing_.get())), true, key_, statistics_);
    ASSERT_TRUE(file);
    file_ = *file;
  }
  void Write(uint64_t offset, Bytes data) { ASSERT_TRUE(file_->Write(offset, data, false)); }
  Bytes ReadAll() {
    IoBuffer buffer;
    auto view = file_->Read(0, 1 << 20, false, buffer);
    EXPECT_TRUE(view);
    return {view->begin(), view->end()};
  }
  // The disk has the size of the file, but zeros from `offset`.
  void Lose(uint64_t offset) {
    const uint64_t size = file_->size_bytes();
    const Bytes zeros(size - offset);
    ASSERT_TRUE(WriteAt(backing_.get(), zeros, offset));
    Open();
  }
  // A byte that is zero once it is encrypted at this offset.
  Bytes KeystreamByte(uint64_t offset) {
    Bytes byte(1);
    key_.cipher->EncryptZeros(key_.record.iv, offset, byte);
    return byte;
  }

  UniqueFd backing_;
  ContentKey key_;
  VolumeStatistics statistics_;
  std::shared_ptr<OpenFile> file_;
};

TEST_F(OpenFileTailTest, ALostLastBlockReadsAsZeros) {  // R10
  Write(0, Bytes(4096 + 100, std::byte{'x'}));
  Lose(4096);
  ASSERT_TRUE(file_->HealTail());
  Bytes expected(4096, std::byte{'x'});
  expected.resize(4096 + 100);
  EXPECT_EQ(ReadAll(), expected);
}

TEST_F(OpenFileTailTest, AnEndThatIsZeroAsCiphertextIsNotTakenForLost) {
  Write(0, KeystreamByte(0));
  Open();
  ASSERT_TRUE(file_->HealTail());
  EXPECT_EQ(ReadAll(), KeystreamByte(0));
}

TEST_F(OpenFileTailTest, AnEndThatIsZeroByCuttingIsNotTakenForLost) {
  Bytes data = KeystreamByte(0);
  data.resize(40, std::byte{'x'});
  Write(0, data);
  ASSERT_TRUE(file_->Resize(1));
  Open();
  ASSERT_TRUE(file_->HealTail());
  EXPECT_EQ(ReadAll(), KeystreamByte(0));
}

TEST_F(OpenFileTailTest, AnEndThatIsZeroByTwoWritesIsNotTakenForLost) {
  const Bytes first = KeystreamByte(4096), second = KeystreamByte(4097);
  ASSERT_TRUE(file_->Resize(4096));
  Write(4096, first);
  Write(4097, second);
  Open();
  ASSERT_TRUE(file_->HealTail());
  Bytes expected(4096);
  expected.insert(expected.end(), {first[0], second[0]});
  EXPECT_EQ(ReadAll(), expected);
}

TEST_F(OpenFileTailTest, ANoteOfAnotherIvMeansNothing) {
  Write(0, KeystreamByte(0));
  ContentKey fresh = key_;
  ASSERT_TRUE(FillRandom(fresh.record.iv));
  ASSERT_TRUE(file_->Empty(fresh, [] { return Status(); }));
  key_ = fresh;
  Write(0, Bytes(1, std::byte{'x'}));
  Lose(0);
  ASSERT_TRUE(file_->HealTail());
  EXPECT_EQ(ReadAll(), Bytes(1));
}

}  // namespace
}  // namespace tdefs
