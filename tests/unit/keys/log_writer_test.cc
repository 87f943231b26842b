#include "keys/log_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "keys/log_reader.h"
#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

class LogWriterTest : public testing::Test {
 protected:
  std::unique_ptr<LogWriter> Create() {
    auto created = LogWriter::Create(store_.fd(), kFileDictionaryName, header_, TestStore::Key(), ops_);
    EXPECT_TRUE(created);
    return created ? *std::move(created) : nullptr;
  }
  // The bodies in the file, or a refusal.
  std::vector<std::string> Bodies() {
    UniqueFd fd = *OpenAt(store_.fd(), kFileDictionaryName, O_RDONLY);
    auto reader = LogReader::Open(fd.get(), SizeOnDisk(), TestStore::Id(), TestStore::Key());
    std::vector<std::string> bodies;
    while (true) {
      auto body = reader->Next();
      if (!body) return {body.error().message};
      if (!*body) return bodies;
      bodies.emplace_back(AsText(**body));
    }
  }
  uint64_t SizeOnDisk() { return store_.Read().size(); }

  TestStore store_;
  FileOps ops_;
  LogHeader header_ = *NewLogHeader(TestStore::Id(), 3);
};

TEST_F(LogWriterTest, WritesWhatTheReaderReads) {
  auto log = Create();
  const std::string longest(kLogBodyBytesMax, 'x');
  for (const std::string& body : {std::string("a"), longest, std::string("b")}) {
    ASSERT_TRUE(log->Append(AsBytes(body)));
  }
  EXPECT_EQ(Bodies(), (std::vector<std::string>{"a", longest, "b"}));
  EXPECT_EQ(log->records(), 3u);
  EXPECT_EQ(log->end_bytes(), SizeOnDisk());
  EXPECT_EQ(log->generation(), 3u);
}

TEST_F(LogWriterTest, FileIsPrivateAndMustBeNew) {
  Create();
  struct stat attributes;
  ASSERT_EQ(::fstatat(store_.fd(), kFileDictionaryName, &attributes, 0), 0);
  EXPECT_EQ(attributes.st_mode & 0777, 0600u);
  EXPECT_FALSE(LogWriter::Create(store_.fd(), kFileDictionaryName, header_, TestStore::Key(), ops_));
}

TEST_F(LogWriterTest, SpaceIsReservedBehindTheEndAndRenewed) {
  auto log = Create();
  const std::string body(1000, 'x');
  log->Reserve();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(log->Append(AsBytes(body)));
    struct stat attributes;
    ASSERT_EQ(::fstatat(store_.fd(), kFileDictionaryName, &attributes, 0), 0);
    ASSERT_EQ(static_cast<uint64_t>(attributes.st_size), log->end_bytes());
    ASSERT_GE(attributes.st_blocks * 512, attributes.st_size + (40 << 10)) << i;
  }
  EXPECT_EQ(Bodies().size(), 100u);
}

TEST_F(LogWriterTest, IsLowOnSpaceOnceTheReserveOfAFullDiskIsUsed) {
  bool full = false;
  ops_.fallocate = [&](int, int mode, off_t, off_t) {
    EXPECT_EQ(mode, FALLOC_FL_KEEP_SIZE);
    errno = ENOSPC;
    return full ? -1 : 0;
  };
  auto log = Create();
  const std::string body(1000, 'x');
  log->Reserve();
  full = true;
  int appended = 0;
  while (!log->IsLowOnSpace()) {
    ASSERT_TRUE(log->Append(AsBytes(body)));
    ASSERT_LT(++appended, 100);
  }
  EXPECT_GT(appended, 40);
  full = false;
  log->Reserve();
  EXPECT_FALSE(log->IsLowOnSpace());
}

TEST_F(LogWriterTest, WithoutFallocateThereIsNoReserveAndNoLimit) {
  ops_.fallocate = [&](int, int, off_t, off_t) {
    errno = EOPNOTSUPP;
    return -1;
  };
  auto log = Create();
  log->Reserve();
  EXPECT_FALSE(log->IsLowOnSpace());
}

TEST_F(LogWriterTest, FailedAppendIsCutOffAndTheNextOneGoesThrough) {
  int failures = 0;
  ops_.pwrite = [&](int fd, const void* data, size_t size, off_t offset) -> ssize_t {
    if (failures == 0) return ::pwrite(fd, data, size, offset);
    if (--failures == 1) return ::pwrite(fd, data, size / 2, offset);  // half of it, and then nothing
    errno = ENOSPC;
    return -1;
  };
  auto log = Create();
  ASSERT_TRUE(log->Append(AsBytes("first")));
  const uint64_t end = SizeOnDisk();
  failures = 2;
  const Status failed = log->Append(AsBytes("second"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().Errno(), ENOSPC);
  EXPECT_EQ(SizeOnDisk(), end);
  EXPECT_FALSE(log->wants_replacement());
  ASSERT_TRUE(log->Append(AsBytes("third")));
  EXPECT_EQ(Bodies(), (std::vector<std::string>{"first", "third"}));
}

TEST_F(LogWriterTest, ShortAndInterruptedWritesAreContinued) {
  int calls = 0;
  ops_.pwrite = [&](int fd, const void* data, size_t size, off_t offset) -> ssize_t {
    if (++calls % 2 == 0) {
      errno = EINTR;
      return -1;
    }
    return ::pwrite(fd, data, std::min<size_t>(size, 7), offset);
  };
  auto log = Create();
  ASSERT_TRUE(log->Append(AsBytes("in pieces")));
  EXPECT_EQ(Bodies(), std::vector<std::string>{"in pieces"});
}

TEST_F(LogWriterTest, WriteThatMakesNoProgressIsAnError) {
  auto log = Create();
  ops_.pwrite = [](int, const void*, size_t, off_t) -> ssize_t { return 0; };
  EXPECT_EQ(log->Append(AsBytes("x")).error().Errno(), EIO);
}

TEST_F(LogWriterTest, NothingIsAppendedBehindARemainderThatCannotBeCutOff) {
  auto log = Create();
  ASSERT_TRUE(log->Append(AsBytes("first")));
  ops_.pwrite = [](int fd, const void* data, size_t size, off_t offset) -> ssize_t {
    if (size > 20) return ::pwrite(fd, data, 20, offset);
    errno = EIO;
    return -1;
  };
  // Twenty bytes at a time until few are left, then the error.
  ops_.ftruncate = [](int, off_t) {
    errno = EIO;
    return -1;
  };
  EXPECT_FALSE(log->Append(AsBytes("a body that is longer than twenty bytes")));
  EXPECT_TRUE(log->wants_replacement());
  ops_.pwrite = ::pwrite;
  EXPECT_EQ(log->Append(AsBytes("refused")).error().Errno(), EIO);
  EXPECT_EQ(Bodies(), std::vector<std::string>{"first"});
  ops_.ftruncate = ::ftruncate;
  ASSERT_TRUE(log->Append(AsBytes("second")));
  EXPECT_FALSE(log->wants_replacement());
  EXPECT_EQ(Bodies(), (std::vector<std::string>{"first", "second"}));
}

TEST_F(LogWriterTest, RecordsSayHowManyBeforeThemAreDurable) {
  auto log = Create();
  const auto durable_of_last = [&] {
    const Bytes bytes = store_.Read();
    size_t at = kLogHeaderBytes, last = at;
    for (; at < bytes.size(); at += LogRecordHead::Decode(ByteView(bytes).subspan(at)).record_bytes()) last = at;
    return LogRecordHead::Decode(ByteView(bytes).subspan(last)).durable;
  };
  ASSERT_TRUE(log->Append(AsBytes("listing")) && log->Append(AsBytes("listing")));
  EXPECT_EQ(durable_of_last(), 1u);  // out of sight until it is synced
  ASSERT_TRUE(log->Sync(log->records()));
  log->Reveal();
  ASSERT_TRUE(log->Append(AsBytes("a")) && log->Append(AsBytes("b")));
  EXPECT_EQ(durable_of_last(), 2u);
  ops_.fdatasync = [](int) {
    errno = EIO;
    return -1;
  };
  EXPECT_EQ(log->Sync(log->records()).error().Errno(), EIO);
  ASSERT_TRUE(log->Append(AsBytes("c")));
  EXPECT_EQ(durable_of_last(), 2u);
}

}  // namespace
}  // namespace tdefs
