// Compaction and flushing of the file dictionary: alone, beside changes of several threads, and under injected faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

constexpr DirId kRoot = FileTree::kRoot;

// Makes one kind of call fail with an errno while armed; usable from any thread.
struct Fault {
  std::atomic<int> error = 0;
  std::atomic<int> calls = 0;
  int Hit(auto&& real) {
    ++calls;
    if (error == 0) return real();
    errno = error;
    return -1;
  }
};

class LogCompactionTest : public testing::Test {
 protected:
  void SetUp() override { store_.Create(); }
  FileDictionary::Options Faulty() {
    auto options = TestStore::Options();
    options.file_ops.pwrite = [this](int fd, const void* data, size_t size, off_t offset) -> ssize_t {
      return append_.Hit([&] { return static_cast<int>(::pwrite(fd, data, size, offset)); });
    };
    options.file_ops.ftruncate = [this](int fd, off_t size) {
      return truncate_.Hit([&] { return ::ftruncate(fd, size); });
    };
    options.file_ops.fdatasync = [this](int fd) { return sync_.Hit([&] { return ::fdatasync(fd); }); };
    options.file_ops.fsync_directory = [this](int fd) { return sync_directory_.Hit([&] { return ::fsync(fd); }); };
    options.file_ops.renameat = [this](int from_dir, const char* from, int to_dir, const char* to) {
      return rename_.Hit([&] { return ::renameat(from_dir, from, to_dir, to); });
    };
    return options;
  }
  PathMap Reopened() { return Content(*store_.Open(TestStore::ReadOnly())); }

  TestStore store_;
  Fault append_, truncate_, sync_, sync_directory_, rename_;
};

TEST_F(LogCompactionTest, DropsWhatIsDeadAndKeepsLinks) {
  auto dictionary = store_.Open();
  auto a = dictionary->Insert(kRoot, "a", TestRecord(0));
  for (uint64_t i = 1; i <= 200; ++i) ASSERT_TRUE(dictionary->Update(a->record, TestRecord(i)));
  ASSERT_TRUE(dictionary->Link(dictionary->Enter(kRoot, "dir"), "b", a->record));
  const auto before = dictionary->statistics();
  EXPECT_EQ(before.dead_records, 200u);
  ASSERT_TRUE(dictionary->Compact());
  const auto after = dictionary->statistics();
  EXPECT_EQ(after.dead_records, 0u);
  EXPECT_EQ(after.generation, 2u);
  EXPECT_EQ(after.compactions, 1u);
  EXPECT_EQ(after.last, before.last);
  EXPECT_LT(after.log_bytes, 400u);
  EXPECT_EQ(after.durable, before.last) << "a compaction makes durable what it writes";
  dictionary = store_.Open();
  EXPECT_EQ(dictionary->statistics().records, 1u);
  EXPECT_EQ(Content(*dictionary), (PathMap{{"/a", TestRecord(200)}, {"/dir/b", TestRecord(200)}}));
  EXPECT_EQ(store_.Files().size(), 1u);
}

TEST_F(LogCompactionTest, RunsByItselfPastTheThreshold) {
  auto options = Faulty();
  options.rewrite_threshold = 50;
  std::promise<void> renamed;
  options.file_ops.renameat = [&](int from_dir, const char* from, int to_dir, const char* to) {
    const int result = ::renameat(from_dir, from, to_dir, to);
    renamed.set_value();
    return result;
  };
  auto dictionary = store_.Open(std::move(options));
  for (uint64_t i = 0; i < 52; ++i) ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(i)));
  renamed.get_future().wait();
  dictionary.reset();
  dictionary = store_.Open();
  EXPECT_EQ(dictionary->statistics().generation, 2u);
  EXPECT_EQ(Content(*dictionary), (PathMap{{"/a", TestRecord(51)}}));
}

TEST_F(LogCompactionTest, RunsAfterEachChangeWhereItIsAskedFor) {
  auto options = TestStore::Options();
  options.compact_after_each_change = true;
  auto dictionary = store_.Open(std::move(options));
  for (uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(i)));
    EXPECT_EQ(dictionary->statistics().compactions, i);
    EXPECT_EQ(dictionary->statistics().dead_records, 0u);
    EXPECT_EQ(Reopened(), (PathMap{{"/a", TestRecord(i)}}));
  }
}

TEST_F(LogCompactionTest, LosesNothingBesideFourChangingThreads) {
  auto dictionary = store_.Open();
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const DirId own = dictionary->Enter(kRoot, "thread" + std::to_string(t));
      for (uint64_t i = 0; i < 400; ++i) {
        const std::string name = "file" + std::to_string(i % 50), next = "file" + std::to_string((i + 7) % 50);
        auto inserted = dictionary->Insert(own, name, TestRecord(i));
        if (i % 3 == 0) {
          EXPECT_TRUE(dictionary->Rename(own, name, own, next));
        }
        if (i % 5 == 0) {
          EXPECT_TRUE(dictionary->Exchange(own, name, own, next));
        }
        if (i % 7 == 0) {
          EXPECT_TRUE(dictionary->Remove(own, next));
        }
        if (i % 11 == 0) {
          dictionary->Unpin(dictionary->Link(own, "link" + std::to_string(i % 4), inserted->record)->record);
        }
        if (i % 13 == 0) {
          EXPECT_TRUE(dictionary->Rename(kRoot, "shared" + std::to_string(t), kRoot, "shared"));
        }
        if (i % 13 == 1) {
          dictionary->Unpin(dictionary->Insert(kRoot, "shared" + std::to_string(t), TestRecord(i))->record);
        }
        if (i % 50 == 0) {
          EXPECT_TRUE(dictionary->Flush(inserted->sequence));
        }
        dictionary->StartFlush(inserted->sequence);
        EXPECT_EQ(dictionary->Get(inserted->record), TestRecord(i));
        dictionary->Unpin(inserted->record);
      }
      dictionary->Leave(own);
    });
  }
  std::thread compactor([&] {
    while (!done) {
      EXPECT_TRUE(dictionary->Compact());
      Content(*dictionary);
      dictionary->statistics();
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  compactor.join();
  const PathMap content = Content(*dictionary);
  EXPECT_EQ(Reopened(), content);
  ASSERT_TRUE(dictionary->MarkClean(true));
  dictionary = store_.Open();
  EXPECT_TRUE(dictionary->report().clean);
  EXPECT_EQ(dictionary->report().unknown_names, 0u);
  EXPECT_EQ(Content(*dictionary), content);
}

TEST_F(LogCompactionTest, ChangesGoOnWhileASnapshotIsWritten) {
  // The compaction stands still in its first fdatasync until changes were made beside it.
  auto options = TestStore::Options();
  std::promise<void> reached, go_on;
  std::atomic<int> syncs = 0;
  options.file_ops.fdatasync = [&](int fd) {
    if (syncs++ == 1) {  // the first is that of opening
      reached.set_value();
      go_on.get_future().wait();
    }
    return ::fdatasync(fd);
  };
  auto dictionary = store_.Open(std::move(options));
  for (uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(InsertPath(*dictionary, "/dir/f" + std::to_string(i), TestRecord(i)));
  std::thread compactor([&] { EXPECT_TRUE(dictionary->Compact()); });
  reached.get_future().wait();
  ASSERT_TRUE(dictionary->Rename(kRoot, "dir", kRoot, "moved"));
  ASSERT_TRUE(InsertPath(*dictionary, "/dir/f1", TestRecord(1000)));
  const Sequence beside = dictionary->last();
  ASSERT_TRUE(dictionary->Flush(beside));
  const PathMap content = Content(*dictionary);
  EXPECT_EQ(Reopened(), content);
  go_on.set_value();
  compactor.join();
  EXPECT_EQ(dictionary->statistics().generation, 2u);
  EXPECT_EQ(content.size(), 101u);
  EXPECT_EQ(Reopened(), content);
}

TEST_F(LogCompactionTest, OneSyncServesAllWhoWait) {
  auto dictionary = store_.Open(Faulty());
  std::vector<std::thread> threads;
  const int before = sync_.calls;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 20; ++i) {
        auto inserted = InsertPath(*dictionary, "/t" + std::to_string(t) + "-" + std::to_string(i), TestRecord(i));
        EXPECT_TRUE(dictionary->Flush(inserted->sequence));
        EXPECT_GE(dictionary->statistics().durable, inserted->sequence);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(sync_.calls - before, 160);
  const int synced = sync_.calls;
  ASSERT_TRUE(dictionary->Flush(dictionary->last()));
  EXPECT_EQ(sync_.calls, synced) << "what is durable costs nothing";
}

TEST_F(LogCompactionTest, StartedFlushMakesDurableInTheBackground) {
  auto options = TestStore::Options();
  std::promise<void> synced;
  std::atomic<int> syncs = 0;
  options.file_ops.fdatasync = [&](int fd) {
    const int result = ::fdatasync(fd);
    if (syncs++ == 1) synced.set_value();
    return result;
  };
  auto dictionary = store_.Open(std::move(options));
  dictionary->StartFlush(InsertPath(*dictionary, "/a", TestRecord(1))->sequence);
  synced.get_future().wait();
}

TEST_F(LogCompactionTest, TimerBoundsWhatIsNotDurable) {
  auto options = TestStore::Options();
  options.flush_interval_ms = 1;
  std::promise<void> synced;
  std::atomic<int> syncs = 0;
  options.file_ops.fdatasync = [&](int fd) {
    const int result = ::fdatasync(fd);
    if (syncs++ == 1) synced.set_value();
    return result;
  };
  auto dictionary = store_.Open(std::move(options));
  ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  synced.get_future().wait();
}

TEST_F(LogCompactionTest, FullDiskFailsTheChangeAndNothingElse) {
  auto dictionary = store_.Open(Faulty());
  auto kept = dictionary->Insert(kRoot, "kept", TestRecord(1));
  for (const int error : {ENOSPC, EIO, EDQUOT}) {
    append_.error = error;
    EXPECT_EQ(dictionary->Insert(kRoot, "new", TestRecord(2)).error().Errno(), error);
    EXPECT_EQ(dictionary->Link(kRoot, "link", kept->record).error().Errno(), error);
    EXPECT_EQ(dictionary->Update(kept->record, TestRecord(3)).error().Errno(), error);
    EXPECT_EQ(dictionary->Rename(kRoot, "kept", kRoot, "new").error().Errno(), error);
    EXPECT_EQ(dictionary->Exchange(kRoot, "kept", kRoot, "new").error().Errno(), error);
    EXPECT_EQ(dictionary->Remove(kRoot, "kept").error().Errno(), error);
    EXPECT_EQ(dictionary->MarkClean(true).error().Errno(), error);
    EXPECT_FALSE(dictionary->Compact());
    EXPECT_EQ(Content(*dictionary), (PathMap{{"/kept", TestRecord(1)}}));
    append_.error = 0;
    ASSERT_TRUE(InsertPath(*dictionary, "/after", TestRecord(2)));
    EXPECT_EQ(Reopened(), (PathMap{{"/kept", TestRecord(1)}, {"/after", TestRecord(2)}}));
    ASSERT_TRUE(dictionary->Remove(kRoot, "after"));
    EXPECT_EQ(store_.Files().size(), 1u);
  }
  EXPECT_EQ(dictionary->statistics().failed_appends, 21u);
  EXPECT_EQ(dictionary->statistics().failed_compactions, 3u);
}

TEST_F(LogCompactionTest, OnAFullDiskTheLastSpaceIsKeptForRemovals) {
  auto options = TestStore::Options();
  std::atomic<bool> full = false;
  options.file_ops.fallocate = [&](int, int, off_t, off_t) {
    errno = ENOSPC;
    return full ? -1 : 0;
  };
  auto dictionary = store_.Open(std::move(options));
  auto kept = dictionary->Insert(kRoot, "kept", TestRecord(1));
  full = true;
  int made = 0;
  while (dictionary->Insert(kRoot, "new" + std::to_string(made), TestRecord(2))) ASSERT_LT(++made, 1000);
  EXPECT_EQ(dictionary->Insert(kRoot, "new", TestRecord(2)).error().Errno(), ENOSPC);
  EXPECT_EQ(dictionary->Link(kRoot, "link", kept->record).error().Errno(), ENOSPC);
  EXPECT_TRUE(dictionary->Update(kept->record, TestRecord(3)));
  EXPECT_TRUE(dictionary->Rename(kRoot, "kept", kRoot, "renamed"));
  for (int number = 0; number < made; ++number) EXPECT_TRUE(dictionary->Remove(kRoot, "new" + std::to_string(number)));
  EXPECT_EQ(dictionary->statistics().failed_appends, 0u);
  full = false;
  EXPECT_TRUE(dictionary->Insert(kRoot, "new", TestRecord(2)));
}

TEST_F(LogCompactionTest, LogThatCannotBeCutBackIsReplaced) {
  auto dictionary = store_.Open(Faulty());
  ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  append_.error = ENOSPC;
  truncate_.error = EIO;
  EXPECT_FALSE(InsertPath(*dictionary, "/b", TestRecord(2)));
  append_.error = 0;
  ASSERT_TRUE(dictionary->Compact());
  ASSERT_TRUE(InsertPath(*dictionary, "/b", TestRecord(2)));  // while the old one could still not be cut
  EXPECT_EQ(Reopened(), (PathMap{{"/a", TestRecord(1)}, {"/b", TestRecord(2)}}));
}

TEST_F(LogCompactionTest, FailedSyncIsMendedByANewLogNotByAnotherSync) {
  auto options = TestStore::Options();
  std::atomic<bool> fail_once = false;
  options.file_ops.fdatasync = [&](int fd) {
    if (!fail_once.exchange(false)) return ::fdatasync(fd);
    errno = EIO;
    return -1;
  };
  auto dictionary = store_.Open(std::move(options));
  const Sequence sequence = InsertPath(*dictionary, "/a", TestRecord(1))->sequence;
  fail_once = true;
  ASSERT_TRUE(dictionary->Flush(sequence));
  EXPECT_EQ(dictionary->statistics().generation, 2u);
  EXPECT_EQ(dictionary->statistics().durable, sequence);
  EXPECT_EQ(Reopened(), (PathMap{{"/a", TestRecord(1)}}));
}

TEST_F(LogCompactionTest, FlushFailsWhileNoNewLogCanBeMade) {
  auto dictionary = store_.Open(Faulty());
  const Sequence sequence = InsertPath(*dictionary, "/a", TestRecord(1))->sequence;
  sync_.error = EIO;
  EXPECT_EQ(dictionary->Flush(sequence).error().Errno(), EIO);
  EXPECT_EQ(dictionary->Flush(sequence).error().Errno(), EIO);
  EXPECT_LT(dictionary->statistics().durable, sequence);
  ASSERT_TRUE(InsertPath(*dictionary, "/b", TestRecord(2)));  // other operations go on
  sync_.error = 0;
  ASSERT_TRUE(dictionary->Flush(sequence));
  EXPECT_EQ(dictionary->statistics().generation, 2u) << "not by a sync of the log whose sync had failed";
  EXPECT_EQ(Reopened().size(), 2u);
}

TEST_F(LogCompactionTest, FailedRenameKeepsTheOldLog) {
  auto dictionary = store_.Open(Faulty());
  ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  rename_.error = EIO;
  EXPECT_EQ(dictionary->Compact().error().Errno(), EIO);
  EXPECT_EQ(dictionary->statistics().generation, 1u);
  EXPECT_EQ(store_.Files().size(), 1u);
  ASSERT_TRUE(InsertPath(*dictionary, "/b", TestRecord(2)));
  ASSERT_TRUE(dictionary->Flush(dictionary->last()));
  EXPECT_EQ(Reopened().size(), 2u);
}

TEST_F(LogCompactionTest, FailedDirectorySyncLetsNothingCountAsDurable) {
  auto dictionary = store_.Open(Faulty());
  ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  sync_directory_.error = EIO;
  EXPECT_EQ(dictionary->Compact().error().Errno(), EIO);
  const Sequence sequence = InsertPath(*dictionary, "/b", TestRecord(2))->sequence;
  EXPECT_EQ(dictionary->Flush(sequence).error().Errno(), EIO);
  sync_directory_.error = 0;
  ASSERT_TRUE(dictionary->Flush(sequence));
  EXPECT_EQ(Reopened().size(), 2u);
}

TEST_F(LogCompactionTest, OpeningFailsCleanlyWhereItCannotCutOrSync) {
  {
    auto dictionary = store_.Open();
    ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  }
  sync_.error = EIO;
  EXPECT_EQ(store_.OpenError(Faulty()).Errno(), EIO);
  sync_.error = 0;
  Bytes log = store_.Read();
  log.push_back(std::byte{1});
  store_.Write(log);
  truncate_.error = EIO;
  EXPECT_EQ(store_.OpenError(Faulty()).Errno(), EIO);
  EXPECT_EQ(Reopened(), (PathMap{{"/a", TestRecord(1)}}));
}

TEST_F(LogCompactionTest, CreatingFailsCleanly) {
  ::unlinkat(store_.fd(), kFileDictionaryName, 0);
  for (Fault* fault : {&append_, &sync_, &rename_}) {
    fault->error = ENOSPC;
    EXPECT_EQ(FileDictionary::Create(store_.fd(), Faulty()).error().Errno(), ENOSPC);
    EXPECT_EQ(store_.Files().size(), 0u);
    fault->error = 0;
  }
  sync_directory_.error = EIO;
  EXPECT_EQ(FileDictionary::Create(store_.fd(), Faulty()).error().Errno(), EIO);
}

}  // namespace
}  // namespace tdefs
