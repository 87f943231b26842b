#include "keys/file_dictionary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "tests/unit/keys/log_test_store.h"

namespace tdefs {
namespace {

using testing::HasSubstr;
constexpr DirId kRoot = FileTree::kRoot;

class FileDictionaryTest : public testing::Test {
 protected:
  void SetUp() override { store_.Create(); }
  // What another process would read.
  PathMap Reopened() {
    auto dictionary = store_.Open(TestStore::ReadOnly());
    return dictionary ? Content(*dictionary) : PathMap{};
  }
  TestStore store_;
};

TEST_F(FileDictionaryTest, NewStoreIsEmptyAndNotClean) {
  auto dictionary = store_.Open();
  EXPECT_EQ(dictionary->report().records, 0u);
  EXPECT_FALSE(dictionary->report().clean);
  EXPECT_EQ(dictionary->statistics().generation, 1u);
  EXPECT_EQ(dictionary->last(), 0u);
  EXPECT_TRUE(dictionary->Flush(0));
  EXPECT_TRUE(dictionary->Flush(99));  // no such change: nothing to wait for
}

TEST_F(FileDictionaryTest, EachChangeIsThereAfterReopening) {
  auto dictionary = store_.Open();
  const DirId base = dictionary->Enter(kRoot, "base");
  auto a = dictionary->Insert(base, "a", TestRecord(1));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->sequence, 1u);
  EXPECT_EQ(Reopened(), (PathMap{{"/base/a", TestRecord(1)}}));
  ASSERT_TRUE(dictionary->Link(base, "b", a->record));
  ASSERT_TRUE(dictionary->Update(a->record, TestRecord(2)));
  EXPECT_EQ(Reopened(), (PathMap{{"/base/a", TestRecord(2)}, {"/base/b", TestRecord(2)}}));
  EXPECT_EQ(*dictionary->Rename(kRoot, "base", kRoot, "moved"), 4u);
  EXPECT_EQ(dictionary->PathOf(base, "a"), "/moved/a");
  ASSERT_TRUE(dictionary->Insert(kRoot, "c", FileRecord{}));
  ASSERT_TRUE(dictionary->Exchange(kRoot, "c", base, "b"));
  EXPECT_EQ(Reopened(), (PathMap{{"/moved/a", TestRecord(2)}, {"/moved/b", FileRecord{}}, {"/c", TestRecord(2)}}));
  EXPECT_EQ(*dictionary->Remove(kRoot, "moved"), 7u);
  EXPECT_EQ(Reopened(), (PathMap{{"/c", TestRecord(2)}}));
  EXPECT_EQ(dictionary->PathOf(a->record), "/c");
  EXPECT_EQ(dictionary->FindPath("/c"), TestRecord(2));
  EXPECT_EQ(dictionary->FindPath("/d"), std::nullopt);
}

TEST_F(FileDictionaryTest, WhatHoldsNothingIsNotLogged) {
  auto dictionary = store_.Open();
  const DirId empty = dictionary->Enter(kRoot, "empty");
  EXPECT_EQ(*dictionary->Remove(kRoot, "absent"), 0u);
  EXPECT_EQ(*dictionary->Rename(kRoot, "empty", kRoot, "renamed"), 0u);
  EXPECT_EQ(dictionary->PathOf(empty, "x"), "/renamed/x");
  EXPECT_EQ(*dictionary->Exchange(kRoot, "renamed", kRoot, "absent"), 0u);
  EXPECT_EQ(*dictionary->Remove(kRoot, "absent"), 0u);
  EXPECT_EQ(dictionary->PathOf(empty, "x"), std::nullopt);
  EXPECT_EQ(dictionary->statistics().appends, 0u);
}

TEST_F(FileDictionaryTest, ChangesInARemovedDirectoryStayInMemory) {
  auto dictionary = store_.Open();
  const DirId gone = dictionary->Enter(kRoot, "gone");
  ASSERT_TRUE(dictionary->Remove(kRoot, "gone"));
  auto inserted = dictionary->Insert(gone, "x", TestRecord(1));
  ASSERT_TRUE(inserted);
  EXPECT_EQ(inserted->sequence, 0u);
  EXPECT_EQ(dictionary->Get(inserted->record), TestRecord(1));
  EXPECT_EQ(*dictionary->Update(inserted->record, TestRecord(2)), 0u);
  EXPECT_EQ(dictionary->Link(gone, "y", inserted->record)->sequence, 0u);
  EXPECT_EQ(*dictionary->Exchange(gone, "x", kRoot, "z"), 0u);
  ASSERT_TRUE(dictionary->Insert(kRoot, "target", TestRecord(3)));
  EXPECT_NE(*dictionary->Rename(gone, "x", kRoot, "target"), 0u);
  EXPECT_EQ(Reopened(), PathMap{});
  ASSERT_TRUE(dictionary->Insert(kRoot, "source", TestRecord(3)));
  EXPECT_NE(*dictionary->Rename(kRoot, "source", gone, "z"), 0u);
  EXPECT_EQ(Reopened(), PathMap{});
  EXPECT_EQ(Content(*dictionary), PathMap{});
}

TEST_F(FileDictionaryTest, UnnamedFileGetsItsFirstNameByLink) {
  auto dictionary = store_.Open();
  auto file = dictionary->Insert(kRoot, "tmp", TestRecord(1));
  ASSERT_TRUE(dictionary->Remove(kRoot, "tmp"));
  ASSERT_TRUE(dictionary->Link(kRoot, "named", file->record));
  EXPECT_EQ(Reopened(), (PathMap{{"/named", TestRecord(1)}}));
  const Sequence last = dictionary->last();
  EXPECT_EQ(dictionary->Link(kRoot, "named", file->record)->sequence, last);  // nothing new to write
  EXPECT_EQ(dictionary->last(), last);
}

TEST_F(FileDictionaryTest, DirectoryTakesThePlaceOfAStaleFile) {
  auto dictionary = store_.Open();
  ASSERT_TRUE(dictionary->Insert(kRoot, "a", TestRecord(1)));
  dictionary->Leave(dictionary->Enter(kRoot, "a"));
  EXPECT_EQ(Content(*dictionary), PathMap{});
  EXPECT_EQ(Reopened(), PathMap{});
}

TEST_F(FileDictionaryTest, WhatTheLogCannotHoldIsRefusedAndChangesNothing) {
  auto dictionary = store_.Open();
  const std::string long_name(256, 'x');
  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("a/b"), std::string("a\0b", 3), long_name}) {
    auto refused = dictionary->Insert(kRoot, name, TestRecord(1));
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().Errno(), name == long_name ? ENAMETOOLONG : EINVAL);
    EXPECT_FALSE(dictionary->Rename(kRoot, "a", kRoot, name));
    EXPECT_FALSE(dictionary->Remove(kRoot, name));
  }
  EXPECT_FALSE(dictionary->Insert(kRoot, "a", FileRecord{.method = Method::kAes256Ctr, .key_id = 0, .iv = {}}));
  EXPECT_FALSE(dictionary->Insert(kRoot, "a", FileRecord{.method = Method::kPlaintext, .key_id = 1, .iv = {}}));
  EXPECT_EQ(dictionary->statistics().appends, 0u);
  ASSERT_TRUE(dictionary->Insert(kRoot, "\xff\xfe not utf-8", TestRecord(1)));
  EXPECT_EQ(Reopened(), (PathMap{{"/\xff\xfe not utf-8", TestRecord(1)}}));
}

TEST_F(FileDictionaryTest, TreesDeeperThanTheLongestPathSurviveACompaction) {
  auto dictionary = store_.Open();
  const std::string name(250, 'd');
  const auto fill = [&](const std::string& top) {
    std::string path = "/" + top;
    for (int i = 0; i < 100; ++i) path += "/" + name;
    return path + "/x";
  };
  ASSERT_TRUE(InsertPath(*dictionary, fill("one"), TestRecord(1)));
  ASSERT_TRUE(InsertPath(*dictionary, fill("two"), TestRecord(2)));
  // The whole of "two" goes to the bottom of "one".
  DirId dir = dictionary->Enter(kRoot, "one");
  for (int i = 0; i < 100; ++i) dir = dictionary->Enter(dir, name);
  ASSERT_TRUE(dictionary->Rename(kRoot, "two", dir, "two"));
  const PathMap content = Content(*dictionary);
  EXPECT_EQ(content.size(), 2u);
  EXPECT_EQ(Reopened(), content);
  ASSERT_TRUE(dictionary->Compact());
  EXPECT_EQ(Reopened(), content);
  DirId deep = dictionary->Enter(dir, "two");
  for (int i = 0; i < 100; ++i) deep = dictionary->Enter(deep, name);
  EXPECT_EQ(dictionary->Insert(deep, "y", TestRecord(3)).error().Errno(), ENAMETOOLONG);
  EXPECT_EQ(Content(*dictionary), content);
}

// A move is refused beforehand if a path below would not fit a record. (Such moves once left files behind that could be
// neither removed nor healed.)
TEST_F(FileDictionaryTest, AMoveThatMakesPathsTooLongIsRefused) {
  const auto errno_of = [](const Status& status) { return status ? 0 : status.error().Errno(); };
  const std::string name(250, 'd'), other(200, 's');
  std::string path = "/" + name;
  while (path.size() + 1 + name.size() <= kLogPathBytesMax) path += "/" + name;
  ASSERT_GT(path.size() + other.size(), kLogPathBytesMax);
  {
    auto dictionary = store_.Open();
    ASSERT_TRUE(InsertPath(*dictionary, path, TestRecord(1)));
    ASSERT_TRUE(InsertPath(*dictionary, "/" + other + "/" + name, TestRecord(2)));
  }
  for (const bool listed : {false, true}) {  // the bound of all paths comes from the log's changes or from a listing
    auto dictionary = store_.Open();
    const DirId dir = dictionary->Enter(kRoot, other);
    EXPECT_EQ(errno_of(dictionary->CheckRename(kRoot, name, kRoot, name + "12345")), 0);
    EXPECT_EQ(errno_of(dictionary->CheckRename(kRoot, name, dir, "b" + name)), ENAMETOOLONG);
    EXPECT_EQ(errno_of(dictionary->CheckExchange(kRoot, name, dir, name)), ENAMETOOLONG);
    EXPECT_EQ(errno_of(dictionary->CheckExchange(dir, name, kRoot, name)), ENAMETOOLONG);
    EXPECT_EQ(errno_of(dictionary->CheckRename(kRoot, other, kRoot, other + name.substr(200))), 0);
    dictionary->Leave(dir);
    ASSERT_TRUE(listed || dictionary->Compact());
  }
}

TEST_F(FileDictionaryTest, MovesToAndFroNeverUseTheRoomUp) {
  auto dictionary = store_.Open();
  ASSERT_TRUE(InsertPath(*dictionary, "/a/x", TestRecord(1)));
  const std::string longer(255, 'a');
  for (size_t grown = 0; grown < 2 * kLogPathBytesMax; grown += longer.size()) {
    ASSERT_TRUE(dictionary->CheckRename(kRoot, "a", kRoot, longer)) << grown;
    ASSERT_TRUE(dictionary->Rename(kRoot, "a", kRoot, longer));
    ASSERT_TRUE(dictionary->Rename(kRoot, longer, kRoot, "a"));
  }
}

TEST_F(FileDictionaryTest, ALinkBelowTheLongestPathIsRefused) {
  auto dictionary = store_.Open();
  DirId dir = kRoot;
  for (int i = 0; i < 130; ++i) dir = dictionary->Enter(dir, std::string(250, 'd'));
  const Status refused = dictionary->CheckLink(dir, "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().Errno(), ENAMETOOLONG);
  EXPECT_TRUE(dictionary->CheckLink(kRoot, "x"));
}

TEST_F(FileDictionaryTest, CleanMarkIsTheLastRecordOrNothing) {
  for (const bool healed : {true, false}) {
    {
      auto dictionary = store_.Open();
      ASSERT_TRUE(dictionary->Insert(kRoot, "a", TestRecord(1)));
      ASSERT_TRUE(dictionary->MarkClean(healed));
      EXPECT_EQ(dictionary->statistics().durable, dictionary->last());
    }
    auto dictionary = store_.Open();
    EXPECT_TRUE(dictionary->report().clean);
    EXPECT_EQ(dictionary->report().healed, healed);
    ASSERT_TRUE(dictionary->Compact());
    dictionary = store_.Open();
    EXPECT_TRUE(dictionary->report().clean) << "a compaction keeps the mark";
    EXPECT_EQ(dictionary->report().healed, healed);
    ASSERT_TRUE(dictionary->Insert(kRoot, "b", TestRecord(2)));
    dictionary = store_.Open();
    EXPECT_FALSE(dictionary->report().clean);
  }
}

TEST_F(FileDictionaryTest, LogInUseIsNotCleanAndTheMarkIsDurable) {
  auto dictionary = store_.Open();
  ASSERT_TRUE(dictionary->MarkClean(true));
  ASSERT_TRUE(dictionary->MarkInUse());
  EXPECT_EQ(dictionary->statistics().durable, dictionary->last());
  EXPECT_FALSE(store_.Open(TestStore::ReadOnly())->report().clean);
  ASSERT_TRUE(dictionary->Compact());
  EXPECT_FALSE(store_.Open(TestStore::ReadOnly())->report().clean) << "a compaction brings no old mark back";
}

TEST_F(FileDictionaryTest, TornTailIsCutAndTheLogGoesOn) {
  {
    auto dictionary = store_.Open();
    ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
    ASSERT_TRUE(InsertPath(*dictionary, "/b", TestRecord(2)));
    ASSERT_TRUE(dictionary->MarkClean(true));
  }
  Bytes log = store_.Read();
  log.resize(log.size() - 3);
  store_.Write(log);
  auto dictionary = store_.Open();
  EXPECT_EQ(dictionary->report().records, 2u);
  EXPECT_GT(dictionary->report().torn_bytes, 0u);
  EXPECT_FALSE(dictionary->report().clean);
  ASSERT_TRUE(InsertPath(*dictionary, "/c", TestRecord(3)));
  EXPECT_EQ(Reopened(), (PathMap{{"/a", TestRecord(1)}, {"/b", TestRecord(2)}, {"/c", TestRecord(3)}}));
}

TEST_F(FileDictionaryTest, DamageIsRefusedAndNothingIsWritten) {
  {
    auto dictionary = store_.Open();
    for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(InsertPath(*dictionary, "/f" + std::to_string(i), TestRecord(i)));
  }
  Bytes log = store_.Read();
  log[kLogHeaderBytes + 30] ^= std::byte{1};
  store_.Write(log);
  const auto before = store_.Files();
  const Error error = store_.OpenError();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("record 0 at offset 104"));
  EXPECT_EQ(store_.Files(), before);
}

TEST_F(FileDictionaryTest, MalformedChangeUnderAValidTagIsRefusedWithItsPlace) {
  LogBuilder log;
  log.AddInsert(0, "/a");
  const size_t at = log.Add(1, AsBytes("\x03 no path"));
  store_.Write(log.bytes());
  const Error error = store_.OpenError();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("record 1 at offset " + std::to_string(at) + ": malformed change"));
}

TEST_F(FileDictionaryTest, ChangesOfUnknownNamesAreCountedAndIgnored) {
  LogBuilder log;
  log.AddInsert(0, "/a");
  ByteWriter body;
  EncodeLogChange({.kind = LogChangeKind::kRemove, .path = "/unknown"}, body);
  EncodeLogChange({.kind = LogChangeKind::kUpdate, .path = "/unknown", .record = TestRecord(1)}, body);
  EncodeLogChange({.kind = LogChangeKind::kLink, .path = "/unknown", .to = "/b"}, body);
  EncodeLogChange({.kind = LogChangeKind::kRename, .path = "/unknown", .to = "/b"}, body);
  log.Add(1, body.bytes());
  store_.Write(log.bytes());
  auto dictionary = store_.Open();
  EXPECT_EQ(dictionary->report().unknown_names, 3u);
  EXPECT_EQ(Content(*dictionary), (PathMap{{"/a", TestRecord(0)}}));
}

TEST_F(FileDictionaryTest, ListingsThatMakeNoSenseAreRefused) {
  const LogChange file{.kind = LogChangeKind::kListedFile, .path = "f", .record = TestRecord(1)};
  const LogChange bad[] = {
      file,  // the same name again
      {.kind = LogChangeKind::kDirectory, .path = "f"},
      {.kind = LogChangeKind::kListedFile, .directory = 1, .path = "g", .record = TestRecord(1)},
      {.kind = LogChangeKind::kSharedName, .shared = 0, .path = "g"},
  };
  for (const LogChange& change : bad) {
    LogBuilder log;
    ByteWriter body;
    EncodeLogChange(file, body);
    EncodeLogChange(change, body);
    log.Add(0, body.bytes());
    store_.Write(log.bytes());
    EXPECT_EQ(store_.OpenError().code, ErrorCode::kCorrupt);
  }
  LogBuilder log;
  log.AddInsert(0, "/a");
  ByteWriter body;
  EncodeLogChange(file, body);
  log.Add(1, body.bytes());
  store_.Write(log.bytes());
  EXPECT_THAT(store_.OpenError().message, HasSubstr("listing in the middle"));
}

TEST_F(FileDictionaryTest, EmptyFileIsAnEmptyDictionary) {
  store_.Write({});
  EXPECT_EQ(store_.Open(TestStore::ReadOnly())->report().records, 0u);
  EXPECT_EQ(store_.Read().size(), 0u);
  auto dictionary = store_.Open();
  EXPECT_FALSE(dictionary->report().clean);
  ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
  EXPECT_EQ(Reopened().size(), 1u);
}

TEST_F(FileDictionaryTest, MissingOrStrangeFileIsRefused) {
  ::unlinkat(store_.fd(), kFileDictionaryName, 0);
  EXPECT_EQ(store_.OpenError().code, ErrorCode::kStoreIncomplete);
  ASSERT_EQ(::mkfifoat(store_.fd(), kFileDictionaryName, 0600), 0);
  EXPECT_EQ(store_.OpenError().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store_.OpenError(TestStore::ReadOnly()).code, ErrorCode::kCorrupt);
}

TEST_F(FileDictionaryTest, ReadOnlyWritesNothing) {
  {
    auto dictionary = store_.Open();
    ASSERT_TRUE(InsertPath(*dictionary, "/a", TestRecord(1)));
    ASSERT_TRUE(InsertPath(*dictionary, "/b", TestRecord(2)));
  }
  Bytes log = store_.Read();
  log.pop_back();
  store_.Write(log);
  UniqueFd leftover(::openat(store_.fd(), "file.dict.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(WriteAt(leftover.get(), AsBytes("half a snapshot"), 0));
  const auto before = store_.Files();
  {
    auto dictionary = store_.Open(TestStore::ReadOnly());
    EXPECT_EQ(dictionary->report().records, 1u);
    EXPECT_GT(dictionary->report().torn_bytes, 0u);
    EXPECT_EQ(dictionary->Insert(kRoot, "x", TestRecord(3)).error().Errno(), EROFS);
    EXPECT_EQ(dictionary->Remove(kRoot, "a").error().Errno(), EROFS);
    EXPECT_EQ(dictionary->Compact().error().Errno(), EROFS);
    EXPECT_EQ(dictionary->MarkClean(true).error().Errno(), EROFS);
    EXPECT_TRUE(dictionary->Flush(dictionary->last()));
    dictionary->StartFlush(dictionary->last());
    EXPECT_EQ(Content(*dictionary), (PathMap{{"/a", TestRecord(1)}}));
  }
  EXPECT_EQ(store_.Files(), before);
  store_.Open();
  EXPECT_EQ(store_.Files().size(), 1u) << "a writing open removes the leftover";
}

TEST_F(FileDictionaryTest, NothingReadableIsInTheLog) {
  auto dictionary = store_.Open();
  ASSERT_TRUE(InsertPath(*dictionary, "/customers_2026/orders.ibd", TestRecord(1)));
  ASSERT_TRUE(dictionary->Compact());
  ASSERT_TRUE(InsertPath(*dictionary, "/customers_2026/more.ibd", TestRecord(2)));
  const Bytes log = store_.Read();
  for (const char* marker : {"customers", "orders", "more"}) {
    EXPECT_EQ(AsText(log).find(marker), std::string_view::npos);
  }
}

// Random operations of a dictionary and a tree beside it; now and then everything is reopened or compacted.
TEST_F(FileDictionaryTest, RandomOperationsSurviveReopeningAndCompaction) {
  std::mt19937 random(20260101);
  const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  auto dictionary = store_.Open();
  for (uint64_t step = 1; step <= 3000; ++step) {
    std::vector<DirId> pins;
    const auto enter = [&] {
      DirId dir = kRoot;
      for (unsigned depth = below(3); depth > 0; --depth) {
        dir = dictionary->Enter(dir, std::string(1, static_cast<char>('a' + below(3))));
        pins.push_back(dir);
      }
      return dir;
    };
    const DirId one = enter(), two = enter();
    const std::string a(1, static_cast<char>('a' + below(4))), b(1, static_cast<char>('a' + below(4)));
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        dictionary->Unpin(dictionary->Insert(one, a, TestRecord(step))->record);
        break;
      case 3:
        ASSERT_TRUE(dictionary->Remove(one, a));
        break;
      case 4:
        ASSERT_TRUE(dictionary->Rename(one, a, two, b));
        break;
      case 5:
        ASSERT_TRUE(dictionary->Exchange(one, a, two, b));
        break;
      default:
        if (const auto found = dictionary->Find(one, a)) {
          if (below(2) == 0) {
            ASSERT_TRUE(dictionary->Update(*found, TestRecord(step)));
          } else if (const auto linked = dictionary->Link(two, b, *found)) {
            dictionary->Unpin(linked->record);
          }
          dictionary->Unpin(*found);
        }
    }
    for (const DirId dir : pins) dictionary->Leave(dir);
    if (step % 100 == 0) {
      const PathMap content = Content(*dictionary);
      ASSERT_EQ(Reopened(), content) << step;
      if (below(3) == 0) {
        ASSERT_TRUE(dictionary->Compact());
      }
      const auto before = dictionary->statistics();
      dictionary = store_.Open();
      ASSERT_EQ(Content(*dictionary), content) << step;
      EXPECT_EQ(dictionary->statistics().records, before.records);
      EXPECT_EQ(dictionary->statistics().dead_records, before.dead_records);
    }
  }
}

}  // namespace
}  // namespace tdefs
