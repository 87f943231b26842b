// Volume without a mount: the rules R1, R2, R4 and R6, and what names and files do.
#include "fs/volume.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/unit/fs/temporary_store.h"

namespace tdefs {
namespace {

class VolumeTest : public ::testing::Test {
 protected:
  void SetUp() override { store_.Open(); }

  std::string BackingTag(const std::string& name) {
    char tag[256];
    const ssize_t size = ::getxattr((store_.backing() + "/" + name).c_str(), kTagXattrName, tag, sizeof tag);
    return size < 0 ? std::string() : std::string(tag, static_cast<size_t>(size));
  }
  void SetBackingTag(const std::string& name, const std::string& tag) {
    ASSERT_EQ(::setxattr((store_.backing() + "/" + name).c_str(), kTagXattrName, tag.data(), tag.size(), 0), 0);
  }
  NodeId MakeDirectory(NodeId parent, const char* name) {
    auto made = store_.volume().MakeDirectory(parent, name, 0755, Caller());
    EXPECT_TRUE(made);
    return made ? made->id : 0;
  }
  void Resize(NodeId node, uint64_t size) {
    AttributeChange change;
    change.size = size;
    ASSERT_TRUE(store_.volume().SetAttributes(node, nullptr, change));
  }
  static ErrorCode CodeOf(const Result<std::string>& result) {
    return result ? ErrorCode::kUsage : result.error().code;
  }

  TemporaryStore store_;
};

TEST_F(VolumeTest, ANewFileHasItsTagBeforeItsFirstByte) {  // R1
  auto opened = store_.volume().Create(kRootNode, "f", 0600, O_RDWR, Caller());
  ASSERT_TRUE(opened) << opened.error().Text();
  EXPECT_EQ(BackingTag("f").size(), kTagBytes);
}

TEST_F(VolumeTest, ContentIsReadBackAndNotOnTheDisk) {
  const std::string marker = "a marker that must not be found";
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", marker));
  EXPECT_EQ(store_.ReadFile("f"), marker);
  std::ifstream stored(store_.backing() + "/f");
  std::string bytes((std::istreambuf_iterator<char>(stored)), {});
  EXPECT_EQ(bytes.size(), marker.size());
  EXPECT_EQ(bytes.find("marker"), std::string::npos);
}

TEST_F(VolumeTest, EveryFileHasItsOwnIv) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "same"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "b", "same"));
  EXPECT_NE(BackingTag("a"), BackingTag("b"));
}

TEST_F(VolumeTest, EmptyingAFileGivesItANewIv) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "first"));
  const std::string tag = BackingTag("f");
  auto node = store_.Find("f");
  ASSERT_TRUE(node);
  Resize(*node, 0);
  const std::string emptied = BackingTag("f");
  EXPECT_NE(emptied, tag);
  {
    auto handle = store_.volume().Open(*node, O_RDWR);
    ASSERT_TRUE(handle);
    std::byte content[6] = {std::byte{1}};
    ASSERT_TRUE(store_.volume().Write(**handle, 0, content));
  }
  ASSERT_TRUE(store_.volume().Open(*node, O_RDWR | O_TRUNC));
  EXPECT_NE(BackingTag("f"), emptied);
  Resize(*node, 5);
  EXPECT_EQ(store_.ReadFile("f"), std::string(5, '\0'));
}

TEST_F(VolumeTest, NamesSurviveAReopening) {
  const NodeId dir = MakeDirectory(kRootNode, "d");
  ASSERT_TRUE(store_.WriteFile(dir, "a", "content of a"));
  ASSERT_TRUE(store_.WriteFile(dir, "b", "content of b"));
  ASSERT_TRUE(store_.volume().Rename(dir, "a", dir, "b", 0));
  auto node = store_.Find("d/b");
  ASSERT_TRUE(node);
  ASSERT_TRUE(store_.volume().Link(*node, kRootNode, "hard"));
  ASSERT_TRUE(store_.volume().Rename(kRootNode, "d", kRootNode, "e", 0));
  store_.Close();
  store_.Open();
  EXPECT_FALSE(store_.keys().healing());
  EXPECT_EQ(store_.ReadFile("e/b"), "content of a");
  EXPECT_EQ(store_.ReadFile("hard"), "content of a");
  EXPECT_FALSE(store_.Find("d"));
  EXPECT_EQ(store_.statistics().healed_files, 0u);
}

TEST_F(VolumeTest, ExchangedFilesKeepTheirContent) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  ASSERT_TRUE(store_.WriteFile(MakeDirectory(kRootNode, "d"), "b", "B"));
  auto dir = store_.Find("d");
  ASSERT_TRUE(dir);
  ASSERT_TRUE(store_.volume().Rename(kRootNode, "a", *dir, "b", RENAME_EXCHANGE));
  store_.Close();
  store_.Open();
  EXPECT_EQ(store_.ReadFile("a"), "B");
  EXPECT_EQ(store_.ReadFile("d/b"), "A");
}

TEST_F(VolumeTest, AnUnlinkedOpenFileStaysReadable) {
  auto opened = store_.volume().Create(kRootNode, "f", 0600, O_RDWR, Caller());
  ASSERT_TRUE(opened);
  ASSERT_TRUE(store_.volume().Unlink(kRootNode, "f"));
  std::string text = "still here";
  ASSERT_TRUE(store_.volume().Write(*opened->handle, 0, std::as_writable_bytes(std::span(text))));
  IoBuffer buffer;
  auto found = store_.volume().Read(*opened->handle, 0, 100, buffer);
  ASSERT_TRUE(found);
  EXPECT_EQ(AsText(*found), "still here");
  EXPECT_TRUE(store_.volume().Sync(*opened->handle, false));
  auto attributes = store_.volume().GetAttributes(opened->entry.id, nullptr);
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->st_nlink, 0u);
}

TEST_F(VolumeTest, AnUnnamedFileCanBeLinkedIn) {
  auto opened = store_.volume().CreateUnnamed(kRootNode, 0600, O_RDWR, Caller());
  ASSERT_TRUE(opened) << opened.error().Text();
  std::string text = "from nowhere";
  ASSERT_TRUE(store_.volume().Write(*opened->handle, 0, std::as_writable_bytes(std::span(text))));
  ASSERT_TRUE(store_.volume().Link(opened->entry.id, kRootNode, "named"));
  opened->handle.reset();
  EXPECT_EQ(store_.ReadFile("named"), "from nowhere");
  store_.Close();
  store_.Open();
  EXPECT_EQ(store_.ReadFile("named"), "from nowhere");
}

TEST_F(VolumeTest, ARecordIsDurableWhenFsyncReturns) {  // R4
  auto opened = store_.volume().Create(kRootNode, "f", 0600, O_RDWR, Caller());
  ASSERT_TRUE(opened);
  const auto before = store_.keys().files().statistics();
  ASSERT_LT(before.durable, before.last);
  ASSERT_TRUE(store_.volume().Sync(*opened->handle, true));
  const auto after = store_.keys().files().statistics();
  EXPECT_GE(after.durable, before.last);
  // In steady state a sync flushes nothing more.
  ASSERT_TRUE(store_.volume().Sync(*opened->handle, true));
  EXPECT_EQ(store_.keys().files().statistics().flushes, after.flushes);
}

TEST_F(VolumeTest, FsyncOfADirectoryMakesItsNamesDurable) {  // R4
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "x"));
  auto dir = store_.volume().OpenDirectory(kRootNode);
  ASSERT_TRUE(dir);
  ASSERT_TRUE(store_.volume().SyncDirectory(**dir, false));
  const auto statistics = store_.keys().files().statistics();
  EXPECT_EQ(statistics.durable, statistics.last);
}

TEST_F(VolumeTest, AForeignFileIsRefused) {  // R6
  std::ofstream(store_.backing() + "/foreign") << "not ours";
  EXPECT_EQ(CodeOf(store_.ReadFile("foreign")), ErrorCode::kForeign);
  EXPECT_EQ(store_.statistics().foreign_files, 1u);
}

TEST_F(VolumeTest, AnEmptyFileWithoutATagIsANewFile) {
  std::ofstream(store_.backing() + "/new").flush();
  auto node = store_.Find("new");
  ASSERT_TRUE(node);
  auto handle = store_.volume().Open(*node, O_RDWR);
  ASSERT_TRUE(handle) << handle.error().Text();
  EXPECT_EQ(BackingTag("new").size(), kTagBytes);
}

TEST_F(VolumeTest, ASwappedTagIsTampering) {  // R2
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "b", "B"));
  store_.Close();
  SetBackingTag("a", BackingTag("b"));
  store_.Open();
  EXPECT_EQ(CodeOf(store_.ReadFile("a")), ErrorCode::kTampered);
  EXPECT_EQ(store_.ReadFile("b"), "B");
  EXPECT_EQ(store_.statistics().tampered_files, 1u);
}

TEST_F(VolumeTest, AForgedOrLostTagIsTampering) {  // R2
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "b", "B"));
  store_.Close();
  std::string tag = BackingTag("a");
  tag[20] = static_cast<char>(tag[20] ^ 1);
  SetBackingTag("a", tag);
  ASSERT_EQ(::removexattr((store_.backing() + "/b").c_str(), kTagXattrName), 0);
  store_.Open();
  EXPECT_EQ(CodeOf(store_.ReadFile("a")), ErrorCode::kTampered);
  EXPECT_EQ(CodeOf(store_.ReadFile("b")), ErrorCode::kTampered);
}

TEST_F(VolumeTest, AFileRenamedBehindOurBackIsTamperingAfterACleanShutdown) {  // R2
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  store_.Close();
  ASSERT_EQ(::rename((store_.backing() + "/a").c_str(), (store_.backing() + "/b").c_str()), 0);
  store_.Open();
  EXPECT_EQ(CodeOf(store_.ReadFile("b")), ErrorCode::kTampered);
}

TEST_F(VolumeTest, AfterACrashTagsHealTheDictionary) {  // R2, R5
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "victim", "V"));
  store_.Abandon();
  // As if the record of this rename had been lost.
  ASSERT_EQ(::rename((store_.backing() + "/a").c_str(), (store_.backing() + "/victim").c_str()), 0);
  store_.Open();
  ASSERT_TRUE(store_.keys().healing());
  EXPECT_EQ(store_.ReadFile("victim"), "A");
  EXPECT_EQ(store_.statistics().healed_files, 1u);
  store_.keys().HealingDone(store_.keys().healing_requests());
  store_.Close();
  store_.Open();
  EXPECT_FALSE(store_.keys().healing());
  EXPECT_EQ(store_.ReadFile("victim"), "A");
  EXPECT_EQ(store_.statistics().healed_files, 0u);
}

TEST_F(VolumeTest, AnUnfinishedHealingGoesOnAtTheNextOpening) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  store_.Abandon();
  store_.Open();
  ASSERT_TRUE(store_.keys().healing());
  store_.Close();
  store_.Open();
  EXPECT_TRUE(store_.keys().healing());
}

TEST_F(VolumeTest, ADirectoryThatMovesWhileHealingRunsKeepsTheRequestOpen) {
  const NodeId dir = MakeDirectory(kRootNode, "d");
  ASSERT_TRUE(store_.WriteFile(dir, "a", "A"));
  store_.Abandon();
  store_.Open();
  const uint64_t requests = store_.keys().healing_requests();
  ASSERT_TRUE(store_.volume().Rename(kRootNode, "d", kRootNode, "e", 0));
  store_.keys().HealingDone(requests);
  EXPECT_TRUE(store_.keys().healing());
}

TEST_F(VolumeTest, WhileHealingAValidTagIsEnough) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "a", "A"));
  store_.Abandon();
  store_.Open();
  ASSERT_TRUE(store_.Find("a"));  // its entry is known
  ASSERT_EQ(::rename((store_.backing() + "/a").c_str(), (store_.backing() + "/b").c_str()), 0);
  EXPECT_EQ(store_.ReadFile("b"), "A");
}

TEST_F(VolumeTest, AnIvThatWasUsedIsNotUsedAgainAfterACrashWhileEmptying) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "secret"));
  const std::string tag = BackingTag("f");
  store_.Abandon();
  ASSERT_EQ(::truncate((store_.backing() + "/f").c_str(), 0), 0);  // emptied, and no new tag yet
  store_.Open();
  auto node = store_.Find("f");
  ASSERT_TRUE(node);
  ASSERT_TRUE(store_.volume().Open(*node, O_RDWR));
  EXPECT_NE(BackingTag("f"), tag);
}

TEST_F(VolumeTest, TheStoresOwnDirectoryAndTagAreInvisible) {
  Volume& volume = store_.volume();
  auto lookup = volume.Lookup(kRootNode, kStoreDirName);
  ASSERT_FALSE(lookup);
  EXPECT_EQ(lookup.error().Errno(), ENOENT);
  EXPECT_EQ(volume.MakeDirectory(kRootNode, kStoreDirName, 0700, Caller()).error().Errno(), EPERM);
  EXPECT_EQ(volume.Rename(kRootNode, kStoreDirName, kRootNode, "x", 0).error().Errno(), EPERM);
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "x"));
  const NodeId node = *store_.Find("f");
  std::byte buffer[256];
  EXPECT_EQ(volume.GetXattr(node, kTagXattrName, buffer).error().Errno(), ENODATA);
  EXPECT_EQ(volume.SetXattr(node, kTagXattrName, AsBytes("x"), 0).error().Errno(), EPERM);
  EXPECT_EQ(volume.RemoveXattr(node, kTagXattrName).error().Errno(), EPERM);
  ASSERT_TRUE(volume.SetXattr(node, "user.own", AsBytes("value"), 0));
  auto size = volume.ListXattr(node, buffer);
  ASSERT_TRUE(size);
  EXPECT_EQ(AsText(ByteView(buffer).first(*size)), std::string("user.own\0", 9));
}

TEST_F(VolumeTest, AReadOnlyVolumeGivesNewFilesNoTag) {
  store_.Close();
  std::ofstream(store_.backing() + "/empty").flush();
  store_.Open(true);
  EXPECT_EQ(store_.ReadFile("empty"), "");
  EXPECT_TRUE(BackingTag("empty").empty());
}

// Who reads a name that others replace has looked it up and not opened it yet: the open must not fail.
TEST_F(VolumeTest, ARemovedFileCanBeOpenedWhileTheKernelRemembersIt) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "old"));
  ASSERT_TRUE(store_.WriteFile(kRootNode, "new", "new"));
  const NodeId node = *store_.Find("f");
  ASSERT_TRUE(store_.volume().Rename(kRootNode, "new", kRootNode, "f", 0));
  for (int i = 0; i < 20; ++i) {  // its number is not given to another file meanwhile
    ASSERT_TRUE(store_.WriteFile(kRootNode, "g" + std::to_string(i), "another"));
    ASSERT_NE(*store_.Find("g" + std::to_string(i)), node);
  }
  auto handle = store_.volume().Open(node, O_RDONLY);
  ASSERT_TRUE(handle) << handle.error().Text();
  IoBuffer buffer;
  auto found = store_.volume().Read(**handle, 0, 100, buffer);
  ASSERT_TRUE(found);
  EXPECT_EQ(AsText(*found), "old");
  EXPECT_EQ(store_.ReadFile("f"), "new");
}

TEST_F(VolumeTest, TheSpaceOfALargeFileIsFreeAsSoonAsItIsRemoved) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", std::string(1 << 20, 'x')));
  const NodeId node = *store_.Find("f");
  UniqueFd watch(::open((store_.backing() + "/f").c_str(), O_PATH | O_CLOEXEC));
  ASSERT_TRUE(store_.volume().Unlink(kRootNode, "f"));
  struct stat attributes {};
  ASSERT_EQ(::fstat(watch.get(), &attributes), 0);
  EXPECT_EQ(attributes.st_blocks, 0);
  auto shown = store_.volume().GetAttributes(node, nullptr);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->st_size, 1 << 20);
  EXPECT_EQ(shown->st_nlink, 0U);
  auto handle = store_.volume().Open(node, O_RDONLY);
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().Errno(), ESTALE);  // the kernel looks the name up once more
}

TEST_F(VolumeTest, ALargeFileWithAnotherNameOrOpenKeepsItsContent) {
  const std::string content(1 << 20, 'x');
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", content));
  const NodeId node = *store_.Find("f");
  ASSERT_TRUE(store_.volume().Link(node, kRootNode, "g"));
  ASSERT_TRUE(store_.volume().Unlink(kRootNode, "f"));
  EXPECT_EQ(store_.ReadFile("g"), content);
  auto handle = store_.volume().Open(node, O_RDONLY);
  ASSERT_TRUE(handle);
  ASSERT_TRUE(store_.volume().Unlink(kRootNode, "g"));
  IoBuffer buffer;
  auto found = store_.volume().Read(**handle, 0, 2 << 20, buffer);
  ASSERT_TRUE(found);
  EXPECT_EQ(AsText(*found), content);
}

TEST_F(VolumeTest, ARemovalThatFailsKeepsNoDescriptor) {
  auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  ASSERT_TRUE(store_.WriteFile(MakeDirectory(kRootNode, "first"), "f", "x"));
  EXPECT_FALSE(store_.volume().RemoveDirectory(kRootNode, "first"));
  std::vector<NodeId> nodes;
  for (int i = 0; i < 20; ++i) {
    nodes.push_back(MakeDirectory(kRootNode, ("d" + std::to_string(i)).c_str()));
    ASSERT_TRUE(store_.WriteFile(nodes.back(), "f", "x"));
  }
  const auto before = descriptors();
  for (int i = 0; i < 20; ++i)
    EXPECT_FALSE(store_.volume().RemoveDirectory(kRootNode, ("d" + std::to_string(i)).c_str()));
  EXPECT_LE(descriptors(), before);
}

TEST_F(VolumeTest, AReusedInodeNumberIsAnotherFile) {
  ASSERT_TRUE(store_.WriteFile(kRootNode, "f", "old"));
  const NodeId old_node = *store_.Find("f");
  ASSERT_TRUE(store_.volume().Unlink(kRootNode, "f"));
  store_.volume().Forget(old_node, 2);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "g" + std::to_string(i);
    ASSERT_TRUE(store_.WriteFile(kRootNode, name, name));
    ASSERT_EQ(store_.ReadFile(name), name);
  }
}

}  // namespace
}  // namespace tdefs
