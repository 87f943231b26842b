// A store in a temporary directory on a real filesystem, with a key file beside it, for tests of fs/ without a mount.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/file_io.h"
#include "fs/volume.h"
#include "keys/key_file.h"
#include "keys/key_manager.h"

namespace tdefs {

class TemporaryStore {
 public:
  TemporaryStore() {
    char path[] = "/var/tmp/tdefs-store-XXXXXX";
    base_ = ::mkdtemp(path);
    std::filesystem::create_directory(backing());
    EXPECT_TRUE(CreateKeyFile(base_ + "/key"));
    encryption_.master_key = MasterKeyConfig{MasterKeyConfig::Type::kFile, base_ + "/key"};
    EXPECT_TRUE(KeyManager::InitStore(backing(), encryption_));
  }
  ~TemporaryStore() {
    Abandon();
    std::filesystem::remove_all(base_);
  }
  TemporaryStore(const TemporaryStore&) = delete;
  TemporaryStore& operator=(const TemporaryStore&) = delete;

  std::string backing() const { return base_ + "/backing"; }
  EncryptionConfig& encryption() { return encryption_; }

  void Open(bool read_only = false) {
    const Status opened = TryOpen(read_only);
    ASSERT_TRUE(opened) << opened.error().Text();
  }
  Status TryOpen(bool read_only = false) {
    keys_ = TRY(KeyManager::Open(backing(), encryption_, 60'000, KeyManager::Access::kMount));
    statistics_ = std::make_unique<VolumeStatistics>();
    UniqueFd fd = TRY(OpenAt(AT_FDCWD, backing(), O_RDONLY | O_DIRECTORY));
    volume_ = TRY(Volume::Create(std::move(fd), *keys_, {.read_only = read_only}, *statistics_));
    return {};
  }
  // An orderly end.
  void Close() {
    volume_.reset();
    Status closed = keys_->Close();
    EXPECT_TRUE(closed) << closed.error().Text();
    keys_.reset();
  }
  // The same, whatever goes wrong in it.
  void CloseAsIs() {
    volume_.reset();
    (void)keys_->Close();
    keys_.reset();
  }
  // The end of a daemon that was killed.
  void Abandon() {
    volume_.reset();
    keys_.reset();
  }

  Volume& volume() { return *volume_; }
  KeyManager& keys() { return *keys_; }
  VolumeStatistics& statistics() { return *statistics_; }

  // Paths are relative to the root of the volume.
  Result<NodeId> Find(const std::string& path) {
    NodeId node = kRootNode;
    for (const auto& part : std::filesystem::path(path)) node = TRY(volume_->Lookup(node, part.c_str())).id;
    return node;
  }
  Status WriteFile(NodeId parent, const std::string& name, std::string content) {
    auto opened = TRY(volume_->Create(parent, name.c_str(), 0644, O_RDWR, Caller()));
    auto bytes = std::as_writable_bytes(std::span(content));
    if (!content.empty()) TRY(volume_->Write(*opened.handle, 0, bytes));
    return {};
  }
  Result<std::string> ReadFile(const std::string& path) {
    const NodeId node = TRY(Find(path));
    auto handle = TRY(volume_->Open(node, O_RDONLY));
    IoBuffer buffer;
    return std::string(AsText(TRY(volume_->Read(*handle, 0, 1 << 20, buffer))));
  }

 private:
  std::string base_;
  EncryptionConfig encryption_;
  std::unique_ptr<KeyManager> keys_;
  std::unique_ptr<VolumeStatistics> statistics_;
  std::unique_ptr<Volume> volume_;
};

}  // namespace tdefs
