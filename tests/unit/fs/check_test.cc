#include "fs/check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "fs/backing_walk.h"
#include "tests/unit/fs/check_fixture.h"

namespace tdefs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_F(CheckTest, AnEmptyStoreIsGood) {
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, IsEmpty());
  EXPECT_EQ(checked.report.files, 0U) << "the store's own files are not part of it";
}

TEST_F(CheckTest, GoodFilesOfEveryKindAreGood) {
  MakeGoodFile("/one");
  MakeGoodFile("/base/5/1259");
  ASSERT_TRUE(keys_->RotateDataKey());
  MakeGoodFile("/base/5/1260");
  MakeFile("/plain");
  SetTag("/plain", {});
  SetEntry("/plain", {});
  ASSERT_EQ(::symlink("/etc", Path("/symlink").c_str()), 0);
  ASSERT_EQ(::mkfifo(Path("/fifo").c_str(), 0600), 0);
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, IsEmpty());
  EXPECT_EQ(checked.report.files, 4U);
  EXPECT_EQ(checked.report.good, 4U);
}

TEST_F(CheckTest, HardLinksAreGood) {
  MakeGoodFile("/dir/one");
  ASSERT_EQ(::link(Path("/dir/one").c_str(), Path("/two").c_str()), 0);
  const auto record = keys_->files().Find(keys_->files().Enter(FileTree::kRoot, "dir"), "one");
  ASSERT_TRUE(record);
  ASSERT_TRUE(keys_->files().Link(FileTree::kRoot, "two", *record));
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, IsEmpty());
  EXPECT_EQ(checked.report.good, 2U);
}

TEST_F(CheckTest, HardLinksWithEntriesOfTheirOwnAreFound) {
  const FileRecord record = MakeGoodFile("/one");
  ASSERT_EQ(::link(Path("/one").c_str(), Path("/two").c_str()), 0);
  SetEntry("/two", record);
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("names-differ /two"));
  EXPECT_EQ(checked.report.findings, 1U);
}

TEST_F(CheckTest, AHardLinkThatBecameACopyIsFound) {
  const FileRecord record = MakeGoodFile("/one");
  ASSERT_TRUE(keys_->files().Link(FileTree::kRoot, "two", *keys_->files().FindRecord("/one")));
  MakeFile("/two");
  SetTag("/two", record);
  EXPECT_THAT(Check().findings, ElementsAre("link-lost /two"));
}

TEST_F(CheckTest, ATornTailIsNoDefect) {
  MakeGoodFile("/file");
  CloseInOrder();
  const std::string log = ReadTextFile(store_.FileDictPath());
  WriteTextFile(store_.FileDictPath(), log + std::string("\0\0\0\x20\0", 5));
  const Checked checked = Check(false);
  EXPECT_THAT(checked.findings, ElementsAre("torn-tail .tdefs/file.dict"));
  EXPECT_THAT(checked.messages[0],
              HasSubstr("5 bytes of an unfinished record at offset " + std::to_string(log.size())));
  EXPECT_EQ(checked.report.findings, 0U);
}

TEST_F(CheckTest, AnEmptyFileNeedsNothing) {
  MakeFile("/empty", "");
  MakeFile("/entered", "");
  SetEntry("/entered", *keys_->NewRecord());
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, IsEmpty());
  EXPECT_EQ(checked.report.empty_untagged, 2U);
}

TEST_F(CheckTest, ForeignContentIsFound) {
  MakeFile("/dir/foreign");
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("foreign /dir/foreign"));
  EXPECT_EQ(checked.report.findings, 1U);
  EXPECT_THAT(checked.messages[0], HasSubstr("7 bytes of content"));
}

TEST_F(CheckTest, AMissingTagIsFound) {
  MakeGoodFile("/file");
  ASSERT_EQ(::removexattr(Path("/file").c_str(), kTagXattrName), 0);
  EXPECT_THAT(Check().findings, ElementsAre("tag-missing /file"));
}

TEST_F(CheckTest, AnInvalidTagIsFound) {
  MakeGoodFile("/bad-mac");
  MakeGoodFile("/short");
  MakeGoodFile("/long");
  const std::string bytes(100, 'x');
  for (auto [path, size] : {std::pair{"/bad-mac", kTagBytes}, {"/short", size_t{3}}, {"/long", bytes.size()}}) {
    ASSERT_EQ(::setxattr(Path(path).c_str(), kTagXattrName, bytes.data(), size, 0), 0);
  }
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("tag-invalid /bad-mac", "tag-invalid /long", "tag-invalid /short"));
  EXPECT_EQ(checked.report.findings, 3U);
}

TEST_F(CheckTest, AMissingEntryIsADefectAfterAnOrderlyEnd) {
  MakeFile("/file");
  SetTag("/file", *keys_->NewRecord());
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("entry-missing /file"));
  EXPECT_EQ(checked.report.findings, 1U);
  EXPECT_EQ(checked.report.healable, 0U);
}

TEST_F(CheckTest, AMissingEntryIsHealedLaterAfterAKill) {
  MakeFile("/file");
  SetTag("/file", *keys_->NewRecord());
  const Checked checked = Check(false);
  EXPECT_THAT(checked.findings, ElementsAre("entry-missing /file"));
  EXPECT_EQ(checked.report.findings, 0U);
  EXPECT_EQ(checked.report.healable, 1U);
  EXPECT_THAT(checked.messages[0], HasSubstr("the next mount mends this"));
}

TEST_F(CheckTest, AMismatchIsFound) {
  MakeGoodFile("/other-iv");
  SetTag("/other-iv", *keys_->NewRecord());
  MakeGoodFile("/downgraded");
  SetEntry("/downgraded", {});
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("mismatch /downgraded", "mismatch /other-iv"));
  EXPECT_THAT(checked.messages[0], HasSubstr("the dictionary method plaintext"));
  EXPECT_THAT(checked.messages[1], HasSubstr("another IV"));
  EXPECT_EQ(checked.report.findings, 2U);
}

TEST_F(CheckTest, ASwappedPairIsAMismatch) {
  const FileRecord a = MakeGoodFile("/a");
  const FileRecord b = MakeGoodFile("/b");
  ASSERT_FALSE(a == b);
  ASSERT_EQ(::rename(Path("/a").c_str(), Path("/t").c_str()), 0);  // behind the mount's back
  ASSERT_EQ(::rename(Path("/b").c_str(), Path("/a").c_str()), 0);
  ASSERT_EQ(::rename(Path("/t").c_str(), Path("/b").c_str()), 0);
  EXPECT_THAT(Check().findings, ElementsAre("mismatch /a", "mismatch /b"));
}

TEST_F(CheckTest, AnUnknownDataKeyIsFound) {
  const FileRecord lost{.method = Method::kAes256Ctr, .key_id = 42, .iv = {}};
  MakeFile("/file");
  SetTag("/file", lost);
  SetEntry("/file", lost);
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, ElementsAre("data-key-missing /file"));
  EXPECT_THAT(checked.messages[0], HasSubstr("data key 42"));
}

TEST_F(CheckTest, AStaleEntryIsHarmless) {
  MakeGoodFile("/kept");
  SetEntry("/gone", *keys_->NewRecord());
  SetEntry("/no/such/dir/gone", *keys_->NewRecord());
  SetEntry("/now-a-dir", *keys_->NewRecord());
  ASSERT_EQ(::mkdir(Path("/now-a-dir").c_str(), 0700), 0);
  MakeFile("/elsewhere/file", "");
  SetEntry("/link/file", *keys_->NewRecord());
  ASSERT_EQ(::symlink("elsewhere", Path("/link").c_str()), 0);
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, UnorderedElementsAre("stale-entry /gone", "stale-entry /no/such/dir/gone",
                                                     "stale-entry /now-a-dir", "stale-entry /link/file"));
  EXPECT_EQ(checked.report.findings, 0U);
  EXPECT_EQ(checked.report.stale, 4U);
  EXPECT_EQ(checked.report.good, 1U);
}

TEST_F(CheckTest, OnlyTheRootsStoreDirectoryIsHidden) {
  MakeFile("/sub/.tdefs/file");
  EXPECT_THAT(Check().findings, ElementsAre("foreign /sub/.tdefs/file"));
}

TEST_F(CheckTest, NeitherDepthNorPathLengthHasALimit) {
  const std::string name(200, 'd');
  UniqueFd dir(::open(store_.backing().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 60; ++depth) {  // 12,000 bytes of path
    ASSERT_EQ(::mkdirat(dir.get(), name.c_str(), 0700), 0);
    dir = UniqueFd(::openat(dir.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(dir);
  }
  UniqueFd file(::openat(dir.get(), "deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "x", 1), 1);
  std::vector<std::string> paths;
  ASSERT_TRUE(CheckStore(*keys_, store_.backing(), [&](const Finding& finding) { paths.push_back(finding.path); }));
  ASSERT_EQ(paths.size(), 1U);
  EXPECT_EQ(paths[0].size(), std::string("/deep").size() + 60 * 201);
}

TEST_F(CheckTest, AnAbsentBackingDirectoryIsAnError) {
  auto report = CheckStore(*keys_, store_.backing() + "/absent", [](const Finding&) {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().Errno(), ENOENT);
}

TEST_F(CheckTest, EachKindHasItsName) {
  EXPECT_EQ(FindingName(Finding::Kind::kUnreadable), "unreadable");
  EXPECT_EQ(FindingName(Finding::Kind::kDataKeyMissing), "data-key-missing");
}

// ------------------------------------------------------------------------------------------------------- import

class ImportTest : public CheckTest {
 protected:
  Status Import() {
    CloseInOrder();
    Reopen(Access::kExclusive);
    return ImportFiles(*keys_, store_.backing(), [this](uint64_t files) { progress_.push_back(files); });
  }
  std::vector<uint64_t> progress_;
};

TEST_F(ImportTest, EveryFileWithContentIsRegisteredAsPlaintext) {
  for (const char* path : {"/a", "/base/1/x", "/base/1/y", "/base/2/x", "/z/deep/er/file"}) MakeFile(path);
  MakeFile("/empty", "");
  ASSERT_EQ(::symlink("a", Path("/symlink").c_str()), 0);
  ASSERT_EQ(::mkfifo(Path("/fifo").c_str(), 0600), 0);
  Status imported = Import();
  ASSERT_TRUE(imported) << imported.error().Text();
  EXPECT_THAT(progress_, ElementsAre(1, 2, 3, 4, 5));
  for (const char* path : {"/a", "/base/1/x", "/base/1/y", "/base/2/x", "/z/deep/er/file"}) {
    EXPECT_EQ(keys_->files().FindPath(path), FileRecord{}) << path;
  }
  EXPECT_FALSE(keys_->files().FindPath("/empty")) << "it will be encrypted as a new file";
  EXPECT_FALSE(keys_->files().FindPath("/symlink"));
  const Checked checked = Check();
  EXPECT_THAT(checked.findings, IsEmpty());
  EXPECT_EQ(checked.report.good, 5U);
  EXPECT_EQ(checked.report.empty_untagged, 1U);
}

TEST_F(ImportTest, IsDurableWithoutAClose) {
  MakeFile("/dir/file");
  ASSERT_TRUE(Import());
  EXPECT_EQ(keys_->files().statistics().durable, keys_->files().last());
  Reopen(Access::kReadOnly);
  EXPECT_TRUE(keys_->files().FindPath("/dir/file"));
}

TEST_F(ImportTest, HardLinksShareOneRecord) {
  MakeFile("/dir/one");
  MakeFile("/alone");
  ASSERT_EQ(::link(Path("/dir/one").c_str(), Path("/two").c_str()), 0);
  ASSERT_EQ(::link(Path("/dir/one").c_str(), Path("/dir/three").c_str()), 0);
  ASSERT_TRUE(Import());
  EXPECT_EQ(keys_->files().statistics().names, 4U);
  EXPECT_EQ(keys_->files().statistics().records, 2U);
  EXPECT_EQ(Check().report.good, 4U);
}

TEST_F(ImportTest, CanBeRunAgain) {
  MakeFile("/a");
  MakeFile("/b/c");
  ASSERT_TRUE(Import());
  MakeFile("/b/d");
  ASSERT_TRUE(Import());
  EXPECT_EQ(keys_->files().statistics().names, 3U);
  EXPECT_EQ(Check().report.good, 3U);
}

// A killed import leaves tags of a store whose keys are gone.
TEST_F(ImportTest, APlaintextTagOfAnotherStoreIsReplaced) {
  MakeFile("/imported");
  Tag tag = *keys_->tags().Encode(FileRecord{});
  tag.back() ^= std::byte{1};
  ASSERT_EQ(::setxattr(Path("/imported").c_str(), kTagXattrName, tag.data(), tag.size(), 0), 0);
  ASSERT_TRUE(Import());
  EXPECT_EQ(Check().report.good, 1U);
}

TEST_F(ImportTest, AFileOfAnotherStoreIsRefusedByName) {
  MakeFile("/dir/stranger");
  for (const std::string& bytes : {std::string(kTagBytes, 'x'), std::string("short"), std::string(100, 'x')}) {
    ASSERT_EQ(::setxattr(Path("/dir/stranger").c_str(), kTagXattrName, bytes.data(), bytes.size(), 0), 0);
    Status imported = Import();
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().code, ErrorCode::kForeign);
    EXPECT_THAT(imported.error().message, HasSubstr("import of /dir/stranger"));
  }
}

TEST_F(ImportTest, AnEncryptedFileIsNotTurnedIntoPlaintext) {
  const FileRecord record = MakeGoodFile("/encrypted");
  EXPECT_FALSE(Import());
  EXPECT_EQ(keys_->files().FindPath("/encrypted"), record);
}

TEST_F(ImportTest, WhatCannotBeTaggedIsNamed) {
  MakeFile("/dir/file");
  UniqueFd file(::open(Path("/dir/file").c_str(), O_RDONLY | O_CLOEXEC));
  int flags = FS_IMMUTABLE_FL;
  if (::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) != 0) GTEST_SKIP() << "skipped: no right to make a file immutable";
  Status imported = Import();
  flags = 0;
  ASSERT_EQ(::ioctl(file.get(), FS_IOC_SETFLAGS, &flags), 0);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().Errno(), EPERM);
  EXPECT_THAT(imported.error().Text(), HasSubstr("import of /dir/file: write of the tag: Operation not permitted"));
}

// ------------------------------------------------------------------------------------------------------- the walk

TEST(BackingWalkTest, ComesToFilesInTheOrderOfTheirNames) {
  TempDir dir;
  for (const char* path : {"/b", "/a", "/d/2", "/d/1", "/c/x"}) {
    std::filesystem::create_directories(std::filesystem::path(dir.path() + path).parent_path());
    WriteTextFile(dir.path() + path, "x");
  }
  UniqueFd root(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> seen;
  const WalkVisitor visitor{
      .file = [&](const WalkedFile& file) -> Status {
        seen.push_back(file.Path());
        return seen.size() < 4 ? Status() : Fail(ErrorCode::kLimit, "enough");
      },
      .unreadable = [](const std::string&, const Error& error) -> Status { return std::unexpected(error); },
  };
  Status walked = WalkBackingTree(root.get(), visitor);
  ASSERT_FALSE(walked) << "the visitor's error ends the walk";
  EXPECT_EQ(walked.error().code, ErrorCode::kLimit);
  EXPECT_THAT(seen, ElementsAre("/a", "/b", "/c/x", "/d/1"));
}

TEST(BackingWalkTest, WhatCannotBeReadIsReported) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root to become someone else";
  TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir / "closed").c_str(), 0700), 0);
  WriteTextFile(dir / "open", "x", 0644);
  std::vector<std::string> files;
  std::vector<std::string> unreadable;
  const WalkVisitor visitor{
      .file = [&](const WalkedFile& file) -> Status {
        files.push_back(file.Path());
        return {};
      },
      .unreadable = [&](const std::string& path, const Error& error) -> Status {
        EXPECT_EQ(error.Errno(), EACCES);
        unreadable.push_back(path);
        return {};
      },
  };
  UniqueFd root(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::seteuid(12345), 0);
  Status walked = WalkBackingTree(root.get(), visitor);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(walked);
  EXPECT_THAT(files, ElementsAre("/open"));
  EXPECT_THAT(unreadable, ElementsAre("/closed"));
}

}  // namespace
}  // namespace tdefs
