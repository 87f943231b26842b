// A store whose files are made as a mount makes them, and what a check says of it; for the tests of check and repair.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fs/check.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {

using Access = KeyManager::Access;

// "kind path" of each finding.
struct Checked {
  CheckReport report;
  std::vector<std::string> findings;
  std::vector<std::string> messages;
};

class CheckTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config_));
    Reopen(Access::kMount);
  }

  void Reopen(Access access) {
    keys_.reset();
    auto keys = KeyManager::Open(store_.backing(), config_, 1000, access);
    ASSERT_TRUE(keys) << keys.error().Text();
    keys_ = std::move(*keys);
  }
  void CloseInOrder() { ASSERT_TRUE(keys_->Close()); }

  std::string Path(const std::string& path) { return store_.backing() + path; }
  void MakeFile(const std::string& path, std::string_view content = "content") {
    std::filesystem::create_directories(std::filesystem::path(Path(path)).parent_path());
    WriteTextFile(Path(path), content, 0644);
  }
  void SetTag(const std::string& path, const FileRecord& record) {
    const Tag tag = *keys_->tags().Encode(record);
    ASSERT_EQ(::setxattr(Path(path).c_str(), kTagXattrName, tag.data(), tag.size(), 0), 0);
  }
  void SetEntry(const std::string& path, const FileRecord& record) {
    DirId dir = FileTree::kRoot;
    const std::filesystem::path names(path.substr(1));
    for (const auto& name : names.parent_path()) dir = keys_->files().Enter(dir, name.native());
    ASSERT_TRUE(keys_->files().Insert(dir, names.filename().native(), record));
  }
  // A file as a mount leaves it.
  FileRecord MakeGoodFile(const std::string& path) {
    MakeFile(path);
    const FileRecord record = *keys_->NewRecord();
    SetTag(path, record);
    SetEntry(path, record);
    return record;
  }

  // Checks after an orderly end, or after a kill.
  Checked Check(bool orderly = true) {
    if (orderly) CloseInOrder();
    Reopen(Access::kReadOnly);
    const auto before = Snapshot(store_.backing());
    Checked checked;
    auto report = CheckStore(*keys_, store_.backing(), [&](const Finding& finding) {
      checked.findings.push_back(std::string(FindingName(finding.kind)) + " " + finding.path);
      checked.messages.push_back(finding.message);
    });
    EXPECT_TRUE(report) << report.error().Text();
    if (report) checked.report = *report;
    EXPECT_EQ(checked.report.clean, orderly);
    EXPECT_EQ(Snapshot(store_.backing()), before) << "a check writes nothing";
    return checked;
  }

  TempStore store_;
  EncryptionConfig config_ = store_.WithKey("a");
  std::unique_ptr<KeyManager> keys_;
};

}  // namespace tdefs
