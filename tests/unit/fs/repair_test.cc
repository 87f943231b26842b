#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "crypto/hkdf.h"
#include "tests/unit/fs/repair_fixture.h"

namespace tdefs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Trust = RepairOptions::Trust;

// ------------------------------------------------------------------------------------------------------- nothing to do

TEST_F(RepairTest, ASoundStoreIsLeftAlone) {
  MakeGoodFile("/file");
  MakeFile("/empty", "");
  CloseInOrder();
  keys_.reset();
  const auto before = Snapshot(store_.backing());
  EXPECT_THAT(Repair(), IsEmpty());
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(RepairTest, WhatCannotBeDecidedIsLeftAloneAndNothingWritten) {
  MakeFile("/foreign");
  MakeGoodFile("/mismatch");
  SetTag("/mismatch", *keys_->NewRecord());
  MakeFile("/no-entry");
  const std::string bytes(kTagBytes, 'x');
  ASSERT_EQ(::setxattr(Path("/no-entry").c_str(), kTagXattrName, bytes.data(), bytes.size(), 0), 0);
  const FileRecord lost{.method = Method::kAes256Ctr, .key_id = 42, .iv = {}};
  MakeFile("/unknown-key");
  SetTag("/unknown-key", lost);
  SetEntry("/unknown-key", lost);
  CloseInOrder();
  keys_.reset();
  const auto before = Snapshot(store_.backing());
  EXPECT_THAT(Repair(), ElementsAre("left foreign /foreign", "left mismatch /mismatch", "left tag-invalid /no-entry",
                                    "left data-key-missing /unknown-key"));
  EXPECT_EQ(Snapshot(store_.backing()), before);
  for (const Finding& finding : plan_.undecided) EXPECT_THAT(finding.message, HasSubstr("; left alone: "));
}

// ------------------------------------------------------------------------------------------------------- tags

TEST_F(RepairTest, ALostTagIsRestoredFromItsEntry) {
  const FileRecord record = MakeGoodFile("/dir/file");
  LoseTag("/dir/file");
  EXPECT_THAT(Repair(), ElementsAre("restore-tag /dir/file"));
  EXPECT_EQ(TagOf("/dir/file"), record);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, ADamagedTagIsRestoredFromItsEntry) {
  const FileRecord record = MakeGoodFile("/file");
  MakeGoodFile("/other");
  for (const std::string& bytes : {std::string(kTagBytes, 'x'), std::string("short"), std::string(1000, 'x')}) {
    ASSERT_EQ(::setxattr(Path("/file").c_str(), kTagXattrName, bytes.data(), bytes.size(), 0), 0);
    EXPECT_THAT(Repair(), ElementsAre("restore-tag /file"));
    EXPECT_EQ(TagOf("/file"), record);
    EXPECT_THAT(Left(), IsEmpty());
  }
}

TEST_F(RepairTest, TheEntryOfAnotherFileIsNoTag) {
  MakeGoodFile("/moved");
  Move("/moved", "/here");
  MakeFile("/moved", "a stranger in its place");
  EXPECT_THAT(Repair(), ElementsAre("adopt /here", "left tag-missing /moved"));
  EXPECT_THAT(WhyLeft(), HasSubstr("the entry's record is that of /here now"));
  EXPECT_FALSE(TagOf("/moved"));
}

TEST_F(RepairTest, AfterAKillAnEntryIsNoTagUnlessTrusted) {
  const FileRecord record = MakeGoodFile("/file");
  LoseTag("/file");
  EXPECT_THAT(Repair({}, false), ElementsAre("left tag-missing /file"));
  EXPECT_THAT(WhyLeft(), HasSubstr("not orderly"));
  EXPECT_FALSE(TagOf("/file"));
  EXPECT_THAT(Repair({.trust = Trust::kDictionary, .drop_missing = {}}, false), ElementsAre("restore-tag /file"));
  EXPECT_EQ(TagOf("/file"), record);
}

TEST_F(RepairTest, NamesWhoseEntriesDifferRestoreNoTag) {
  MakeGoodFile("/one");
  ASSERT_EQ(::link(Path("/one").c_str(), Path("/two").c_str()), 0);
  SetEntry("/two", *keys_->NewRecord());
  LoseTag("/one");
  EXPECT_THAT(Repair(), ElementsAre("left tag-missing /one", "left tag-missing /two"));
}

TEST_F(RepairTest, ATagOfANewerVersionIsLeftAlone) {
  const FileRecord record = MakeGoodFile("/file");
  const KeyDictionary dictionary = store_.ReadKeyDictionary(config_);
  Tag tag = *keys_->tags().Encode(record);
  tag[0] = std::byte{2};
  const ByteView parts[] = {AsBytes("tdefs tag 1"), dictionary.header.store_id, ByteView(tag).first(32)};
  const Hmac mac = *HmacSha256(dictionary.tag_mac_key.view(), parts);
  std::copy_n(mac.begin(), 16, tag.begin() + 32);
  ASSERT_EQ(::setxattr(Path("/file").c_str(), kTagXattrName, tag.data(), tag.size(), 0), 0);
  EXPECT_THAT(Repair(), ElementsAre("left tag-invalid /file"));
  EXPECT_THAT(WhyLeft(), HasSubstr("a newer tdefs wrote it"));
}

TEST_F(RepairTest, TagsOfAnotherStoreAreRefusedAsAWhole) {
  for (const char* path : {"/a", "/b"}) {
    MakeGoodFile(path);
    const std::string bytes(kTagBytes, 'x');
    ASSERT_EQ(::setxattr(Path(path).c_str(), kTagXattrName, bytes.data(), bytes.size(), 0), 0);
  }
  CloseInOrder();
  const auto plan = Plan();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kTampered);
  EXPECT_THAT(plan.error().message, HasSubstr("none of the 2 tags verifies"));
}

TEST_F(RepairTest, AFileThatWasReplacedSinceThePlanIsNotTouched) {
  MakeGoodFile("/file");
  LoseTag("/file");
  CloseInOrder();
  const auto plan = Plan();
  ASSERT_TRUE(plan);
  MakeFile("/new");
  Move("/new", "/file");
  const auto before = Snapshot(store_.backing());
  const auto copy = CarryOut(*plan, *keys_, store_.backing(), [](uint64_t) {});
  ASSERT_FALSE(copy);
  EXPECT_THAT(copy.error().message, HasSubstr("restore-tag of /file: another file stands there"));
  EXPECT_EQ(ReadTextFile(store_.FileDictPath()),
            before.at(store_.FileDictPath()).substr(before.at(store_.FileDictPath()).find("tdefs.fd")));
}

// ------------------------------------------------------------------------------------------------------- entries

TEST_F(RepairTest, AFileThatWasMovedIsAdopted) {
  const FileRecord record = MakeGoodFile("/before");
  Move("/before", "/dir/after");
  EXPECT_THAT(Repair(), ElementsAre("adopt /dir/after", "drop-entry /before"));
  EXPECT_EQ(EntryOf("/dir/after"), record);
  EXPECT_FALSE(EntryOf("/before"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, ADirectoryThatWasMovedIsAdoptedWithAllThatIsBelow) {
  for (const char* path : {"/d/1", "/d/e/2", "/d/e/3", "/other"}) MakeGoodFile(path);
  Move("/d", "/f");
  EXPECT_THAT(Repair(), UnorderedElementsAre("adopt /f/1", "adopt /f/e/2", "adopt /f/e/3", "drop-entry /d/1",
                                             "drop-entry /d/e/2", "drop-entry /d/e/3"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, ADirectoryInPlaceOfAFileKeepsWhatIsInIt) {
  MakeGoodFile("/x");
  Move("/x", "/y");
  Move("/y", "/x/y");
  EXPECT_THAT(Repair(), ElementsAre("adopt /x/y", "drop-entry /x"));
  EXPECT_TRUE(EntryOf("/x/y"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, AFileInPlaceOfADirectoryEndsItsEntries) {
  MakeGoodFile("/x/y");
  MakeGoodFile("/x/z");
  Move("/x/y", "/t");
  ASSERT_EQ(::unlink(Path("/x/z").c_str()), 0);
  ASSERT_EQ(::rmdir(Path("/x").c_str()), 0);
  Move("/t", "/x");
  EXPECT_THAT(Repair(), UnorderedElementsAre("adopt /x", "drop-entry /x/y", "drop-entry /x/z"));
  EXPECT_TRUE(EntryOf("/x"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, AHardLinkSharesTheEntryOfItsFile) {
  MakeGoodFile("/one");
  ASSERT_EQ(::link(Path("/one").c_str(), Path("/two").c_str()), 0);
  EXPECT_THAT(Repair(), ElementsAre("adopt /two"));
  EXPECT_THAT(Left(), IsEmpty());
  Reopen(Access::kReadOnly);
  EXPECT_EQ(keys_->files().FindRecord("/one"), keys_->files().FindRecord("/two"));
}

TEST_F(RepairTest, HardLinksWithEntriesOfTheirOwnAreJoined) {
  const FileRecord record = MakeGoodFile("/one");
  ASSERT_EQ(::link(Path("/one").c_str(), Path("/two").c_str()), 0);
  SetEntry("/two", record);
  EXPECT_THAT(Repair(), ElementsAre("set-entry /two"));
  EXPECT_THAT(Left(), IsEmpty());
}

// As after a backup was restored without hard links and, in the second case, without extended attributes.
TEST_F(RepairTest, HardLinksThatBecameCopiesGetEntriesOfTheirOwn) {
  const FileRecord record = MakeGoodFile("/one");
  for (const char* name : {"two", "three"}) {
    ASSERT_TRUE(keys_->files().Link(FileTree::kRoot, name, *keys_->files().FindRecord("/one")));
    MakeFile(std::string("/") + name);
    SetTag(std::string("/") + name, record);
  }
  EXPECT_THAT(Repair(), ElementsAre("set-entry /three", "set-entry /two"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, HardLinksThatBecameCopiesWithoutTagsAreMendedAtOnce) {
  MakeGoodFile("/one");
  ASSERT_TRUE(keys_->files().Link(FileTree::kRoot, "two", *keys_->files().FindRecord("/one")));
  MakeFile("/two");
  LoseTag("/one");
  EXPECT_THAT(Repair(), ElementsAre("restore-tag /one", "restore-tag /two", "set-entry /two"));
  EXPECT_THAT(Left(), IsEmpty());
  Reopen(Access::kReadOnly);
  EXPECT_NE(keys_->files().FindRecord("/one"), keys_->files().FindRecord("/two"));
}

TEST_F(RepairTest, ACopyIsNotAdoptedUnlessTagsAreTrusted) {
  const FileRecord record = MakeGoodFile("/original");
  MakeFile("/copy");
  SetTag("/copy", record);
  EXPECT_THAT(Repair(), ElementsAre("left entry-missing /copy"));
  EXPECT_THAT(WhyLeft(), HasSubstr("/original has the same tag"));
  EXPECT_THAT(Repair({.trust = Trust::kTags, .drop_missing = {}}), ElementsAre("adopt /copy"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, PlaintextFilesAreNoCopiesOfEachOther) {
  for (const char* path : {"/a", "/b"}) {
    MakeFile(path);
    SetTag(path, {});
  }
  EXPECT_THAT(Repair(), ElementsAre("adopt /a", "adopt /b"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, TrustDecidesAMismatch) {
  const FileRecord a = MakeGoodFile("/a"), b = MakeGoodFile("/b");
  Move("/a", "/t");
  Move("/b", "/a");
  Move("/t", "/b");
  EXPECT_THAT(Repair(), ElementsAre("left mismatch /a", "left mismatch /b"));
  EXPECT_THAT(Repair({.trust = Trust::kTags, .drop_missing = {}}), ElementsAre("set-entry /a", "set-entry /b"));
  EXPECT_EQ(EntryOf("/a"), b);
  EXPECT_EQ(EntryOf("/b"), a);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, TrustInTheDictionaryRewritesTags) {
  const FileRecord record = MakeGoodFile("/a");
  SetTag("/a", *keys_->NewRecord());
  EXPECT_THAT(Repair({.trust = Trust::kDictionary, .drop_missing = {}}), ElementsAre("restore-tag /a"));
  EXPECT_EQ(TagOf("/a"), record);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, AfterAKillTagsDecide) {
  const FileRecord old = MakeGoodFile("/file");
  const FileRecord fresh = *keys_->NewRecord();
  SetTag("/file", fresh);
  MakeFile("/new");
  SetTag("/new", *keys_->NewRecord());
  ASSERT_FALSE(old == fresh);
  EXPECT_THAT(Repair({}, false), ElementsAre("set-entry /file", "adopt /new"));
  EXPECT_EQ(EntryOf("/file"), fresh);
  EXPECT_THAT(Left(), IsEmpty());
}

// ------------------------------------------------------------------------------------------------------- files that
// are gone

TEST_F(RepairTest, EntriesOfGoneFilesAreDroppedWhereOthersAreStillThere) {
  for (const char* path : {"/gone", "/d/gone", "/d/there", "/e/gone", "/e/sub/there"}) MakeGoodFile(path);
  for (const char* path : {"/gone", "/d/gone", "/e/gone"}) ASSERT_EQ(::unlink(Path(path).c_str()), 0);
  EXPECT_THAT(Repair(), UnorderedElementsAre("drop-entry /gone", "drop-entry /d/gone", "drop-entry /e/gone"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RepairTest, ASubtreeOfWhichNothingIsThereKeepsItsEntries) {
  for (const char* path : {"/mnt/x/1", "/mnt/x/y/2", "/empty/3", "/stub/4", "/there"}) MakeGoodFile(path);
  std::filesystem::remove_all(Path("/mnt"));
  std::filesystem::remove(Path("/empty/3"));
  std::filesystem::remove(Path("/stub/4"));
  MakeFile("/stub/.not-mounted", "");
  EXPECT_THAT(Repair(), ElementsAre("kept 1 /empty", "kept 2 /mnt", "kept 1 /stub"));
  EXPECT_TRUE(EntryOf("/mnt/x/y/2"));
  EXPECT_THAT(
      Repair({.trust = {}, .drop_missing = {"/mnt/x/", "/empty"}}),
      UnorderedElementsAre("drop-entry /mnt/x/1", "drop-entry /mnt/x/y/2", "drop-entry /empty/3", "kept 1 /stub"));
  EXPECT_FALSE(EntryOf("/mnt/x/y/2"));
  EXPECT_TRUE(EntryOf("/stub/4"));
}

TEST_F(RepairTest, DropMissingKeepsTheEntriesOfFilesThatAreThere) {
  MakeGoodFile("/d/there");
  MakeGoodFile("/dd/other");
  EXPECT_THAT(Repair({.trust = {}, .drop_missing = {"/d"}}), IsEmpty());
  EXPECT_THAT(Left(), IsEmpty());
}

}  // namespace
}  // namespace tdefs
