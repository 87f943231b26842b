// Repairs of the store's own files, the copy that is kept, and the lock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/fs/repair_fixture.h"

namespace tdefs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class RepairStoreTest : public RepairTest {};

const std::string kTorn("\0\0\0\x20\0", 5);  // the start of a record

TEST_F(RepairStoreTest, ATornTailIsCut) {
  MakeGoodFile("/file");
  CloseInOrder();
  const std::string log = ReadTextFile(store_.FileDictPath());
  WriteTextFile(store_.FileDictPath(), log + kTorn);
  keys_.reset();
  EXPECT_THAT(Repair(), ElementsAre("cut-tail .tdefs/file.dict"));
  EXPECT_EQ(ReadTextFile(copy_ + "/file.dict"), log + kTorn);
  EXPECT_EQ(ReadTextFile(store_.FileDictPath()).substr(0, log.size()), log);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairStoreTest, AMissingDictionaryIsMadeAnewFromTheTags) {
  const FileRecord a = MakeGoodFile("/a"), b = MakeGoodFile("/base/5/1259");
  ASSERT_EQ(::link(Path("/a").c_str(), Path("/link").c_str()), 0);
  CloseInOrder();
  keys_.reset();
  ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
  EXPECT_THAT(Repair(),
              ElementsAre("rebuild-dictionary .tdefs/file.dict", "adopt /a", "adopt /link", "adopt /base/5/1259"));
  EXPECT_EQ(EntryOf("/a"), a);
  EXPECT_EQ(EntryOf("/base/5/1259"), b);
  EXPECT_THAT(Left(), IsEmpty());
  Reopen(Access::kMount);
  EXPECT_EQ(keys_->files().statistics().records, 2U) << "hard links share their record";
}

TEST_F(RepairStoreTest, ADictionaryThatIsDamagedInTheMiddleIsMadeAnewAndKept) {
  for (const char* path : {"/a", "/b", "/c"}) MakeGoodFile(path);
  CloseInOrder();
  keys_.reset();
  FlipByteOfFileDict(250);
  const std::string damaged = ReadTextFile(store_.FileDictPath());
  EXPECT_THAT(Repair(), SizeIs(4));
  EXPECT_THAT(plan_.actions[0].message, HasSubstr("file.dict: file dictionary: record"));
  EXPECT_EQ(ReadTextFile(copy_ + "/file.dict"), damaged);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairStoreTest, WhatIsNoFileInPlaceOfTheDictionaryIsMovedAway) {
  MakeGoodFile("/a");
  CloseInOrder();
  for (const auto& make :
       {+[](const char* path) { return ::mkdir(path, 0700); }, +[](const char* path) { return ::mkfifo(path, 0600); },
        +[](const char* path) { return ::symlink("/etc/passwd", path); }}) {
    keys_.reset();
    ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
    ASSERT_EQ(make(store_.FileDictPath().c_str()), 0);
    EXPECT_THAT(Repair(), ElementsAre("rebuild-dictionary .tdefs/file.dict", "adopt /a"));
    EXPECT_THAT(Left(), IsEmpty());
  }
}

TEST_F(RepairStoreTest, ARebuildLeavesWhatNoTagTells) {
  MakeGoodFile("/good");
  MakeGoodFile("/lost");
  LoseTag("/lost");
  const FileRecord shared = MakeGoodFile("/original");
  MakeFile("/copy");
  SetTag("/copy", shared);
  CloseInOrder();
  keys_.reset();
  ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
  EXPECT_THAT(Repair(), ElementsAre("rebuild-dictionary .tdefs/file.dict", "adopt /good", "left entry-missing /copy",
                                    "left foreign /lost", "left entry-missing /original"));
}

TEST_F(RepairStoreTest, ADictionaryIsNotMadeAnewUnderAnotherStoresKeys) {
  MakeGoodFile("/a");
  CloseInOrder();
  keys_.reset();
  TempStore other;
  ASSERT_TRUE(KeyManager::InitStore(other.backing(), config_));
  WriteTextFile(store_.KeyDictPath(), ReadTextFile(other.KeyDictPath()));
  const auto plan = Plan();
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("none of the 1 tags verifies under this key.dict"));
}

TEST_F(RepairStoreTest, ADictionaryOfANewerVersionIsNotMadeAnew) {
  CloseInOrder();
  std::string log = ReadTextFile(store_.FileDictPath());
  log[11] = 9;
  WriteTextFile(store_.FileDictPath(), log);
  keys_.reset();
  auto keys = KeyManager::Open(store_.backing(), config_, 1000, Access::kRepair);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::kUnsupported);
}

TEST_F(RepairStoreTest, WithoutKeyDictThereIsNoRepair) {
  CloseInOrder();
  keys_.reset();
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);
  auto keys = KeyManager::Open(store_.backing(), config_, 1000, Access::kRepair);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::kStoreIncomplete);
  EXPECT_THAT(keys.error().message, HasSubstr("key.dict is missing"));
}

// ------------------------------------------------------------------------------------------------------- the copy

TEST_F(RepairStoreTest, TheCopyHoldsPlanDictionaryAndTags) {
  MakeGoodFile("/with space\n");
  MakeGoodFile("/none");
  MakeGoodFile("/good");
  const std::string bytes = "odd";
  ASSERT_EQ(::setxattr(Path("/with space\n").c_str(), kTagXattrName, bytes.data(), bytes.size(), 0), 0);
  LoseTag("/none");
  CloseInOrder();
  const std::string log = ReadTextFile(store_.FileDictPath());
  EXPECT_THAT(Repair(), ElementsAre("restore-tag /none", "restore-tag /with space\n"));
  EXPECT_EQ(ReadTextFile(copy_ + "/file.dict"), log);
  EXPECT_EQ(ReadTextFile(copy_ + "/tags"), "# file: none\n\n# file: with space\\012\nuser.tdefs=0x6f6464\n\n");
  EXPECT_THAT(ReadTextFile(copy_ + "/plan"), HasSubstr("restore-tag\t/none\t"));
  struct stat attributes;
  ASSERT_EQ(::stat(copy_.c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat((copy_ + "/tags").c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777, 0600U);
}

TEST_F(RepairStoreTest, TwoRepairsInOneSecondKeepTwoCopies) {
  MakeGoodFile("/a");
  std::vector<std::string> copies;
  for (int i = 0; i < 3; ++i) {
    LoseTag("/a");
    EXPECT_THAT(Repair(), ElementsAre("restore-tag /a"));
    copies.push_back(copy_);
  }
  EXPECT_NE(copies[0], copies[1]);
  EXPECT_NE(copies[1], copies[2]);
}

TEST_F(RepairStoreTest, ARepairThatIsCutShortLeavesAStoreThatHeals) {
  MakeGoodFile("/a");
  CloseInOrder();
  Reopen(Access::kRepair);
  ASSERT_TRUE(keys_->StartRepair());
  Reopen(Access::kReadOnly);
  EXPECT_TRUE(keys_->healing());
}

TEST_F(RepairStoreTest, R9ARepairHoldsTheLockAndIsRefusedBesideAMount) {
  Reopen(Access::kMount);
  auto second = KeyManager::Open(store_.backing(), config_, 1000, Access::kRepair);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kStoreBusy);
  CloseInOrder();
  Reopen(Access::kRepair);
  second = KeyManager::Open(store_.backing(), config_, 1000, Access::kMount);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kStoreBusy);
}

}  // namespace
}  // namespace tdefs
