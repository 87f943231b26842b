#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "keys/key_manager.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Access = KeyManager::Access;

class StoreInitTest : public testing::Test {
 protected:
  ErrorCode InitCode(const EncryptionConfig& config) {
    Status made = KeyManager::InitStore(store_.backing(), config);
    EXPECT_FALSE(made);
    return made ? ErrorCode::kSystem : made.error().code;
  }

  TempStore store_;
};

TEST_F(StoreInitTest, MakesAStoreThatOpens) {
  const EncryptionConfig config = store_.WithKey("a");
  Status made = KeyManager::InitStore(store_.backing(), config);
  ASSERT_TRUE(made) << made.error().Text();
  struct stat attributes;
  ASSERT_EQ(::stat(store_.dir().c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 07777U, 0700U);
  for (const char* name : {"/lock", "/key.dict", "/file.dict"}) {
    ASSERT_EQ(::stat((store_.dir() + name).c_str(), &attributes), 0) << name;
    EXPECT_EQ(attributes.st_mode & 07777U, 0600U) << name;
  }
  auto keys = KeyManager::Open(store_.backing(), config, 1000, Access::kReadOnly);
  ASSERT_TRUE(keys) << keys.error().Text();
  EXPECT_FALSE((*keys)->healing());
  ASSERT_EQ((*keys)->ListKeys().size(), 1U);
  EXPECT_EQ((*keys)->ListKeys()[0].method, Method::kAes256Ctr) << "the default";
  EXPECT_FALSE((*keys)->ListKeys()[0].exposed);
}

TEST_F(StoreInitTest, StoresDifferInEverything) {
  const EncryptionConfig config = store_.WithKey("a");  // several stores may share one master key
  TempStore other;
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config));
  ASSERT_TRUE(KeyManager::InitStore(other.backing(), config));
  const KeyDictionary one = store_.ReadKeyDictionary(config);
  const KeyDictionary two = other.ReadKeyDictionary(config);
  EXPECT_NE(one.header.store_id, two.header.store_id);
  EXPECT_NE(one.current_key_id, two.current_key_id);
  EXPECT_FALSE(SecretsEqual(one.current().key.view(), two.current().key.view()));
  EXPECT_FALSE(SecretsEqual(one.tag_mac_key.view(), two.tag_mac_key.view()));
  EXPECT_FALSE(SecretsEqual(one.dictionary_key.view(), two.dictionary_key.view()));
}

TEST_F(StoreInitTest, EveryMethodCanBeChosen) {
  for (Method method : kAllMethods) {
    TempStore store;
    EncryptionConfig config = store_.WithKey("a");
    config.data_encryption_method = method;
    ASSERT_TRUE(KeyManager::InitStore(store.backing(), config));
    EXPECT_EQ(store.ReadKeyDictionary(config).current().method, method);
  }
}

TEST_F(StoreInitTest, AnEncryptingMethodNeedsASecureMasterKey) {
  EncryptionConfig config;
  EXPECT_EQ(InitCode(config), ErrorCode::kInsecureKey);
  config.master_key = MasterKeyConfig{};
  EXPECT_EQ(InitCode(config), ErrorCode::kInsecureKey);
  config.data_encryption_method = Method::kSm4Ctr;
  EXPECT_EQ(InitCode(config), ErrorCode::kInsecureKey);
  EXPECT_THAT(Snapshot(store_.backing()), IsEmpty());
}

TEST_F(StoreInitTest, MethodPlaintextNeedsNoMasterKey) {
  EncryptionConfig config;
  config.data_encryption_method = Method::kPlaintext;
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config));
  EXPECT_TRUE(KeyManager::Open(store_.backing(), config, 1000, Access::kMount));
}

TEST_F(StoreInitTest, AnUnusableMasterKeyWritesNothing) {
  EncryptionConfig config = store_.WithKey("a");
  WriteTextFile(store_.KeyFile("a"), "no key");
  EXPECT_EQ(InitCode(config), ErrorCode::kBadKeyFile);
  config.master_key->path = store_.backing() + "/key";
  EXPECT_EQ(InitCode(config), ErrorCode::kBadPath);
  EXPECT_THAT(Snapshot(store_.backing()), IsEmpty());
}

TEST_F(StoreInitTest, ABadBackingDirectoryIsRefused) {
  const EncryptionConfig config = store_.WithKey("a");
  for (const std::string& path : {std::string("relative"), store_.backing() + "/absent", store_.KeyFile("a")}) {
    Status made = KeyManager::InitStore(path, config);
    ASSERT_FALSE(made) << path;
    EXPECT_EQ(made.error().code, ErrorCode::kBadPath);
  }
}

TEST_F(StoreInitTest, AStoreIsNeverInitialisedAgain) {
  const EncryptionConfig config = store_.WithKey("a");
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config));
  const auto before = Snapshot(store_.backing());
  EXPECT_EQ(InitCode(config), ErrorCode::kStoreExists);
  auto keys = KeyManager::Open(store_.backing(), config, 1000, Access::kReadOnly);
  EXPECT_EQ(InitCode(config), ErrorCode::kStoreExists);
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(StoreInitTest, WhatAFailedInitLeftIsReplaced) {
  const EncryptionConfig config = store_.WithKey("a");
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config));
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);  // as a crash before the last step leaves it
  WriteTextFile(store_.dir() + "/key.dict.tmp", "half a key dictionary");
  WriteTextFile(store_.dir() + "/file.dict.new", "half a file dictionary");
  Status made = KeyManager::InitStore(store_.backing(), config);
  ASSERT_TRUE(made) << made.error().Text();
  EXPECT_TRUE(KeyManager::Open(store_.backing(), config, 1000, Access::kMount));
  EXPECT_FALSE(std::filesystem::exists(store_.dir() + "/key.dict.tmp"));
  EXPECT_FALSE(std::filesystem::exists(store_.dir() + "/file.dict.new"));
}

TEST_F(StoreInitTest, AnEmptyStoreDirectoryIsReplaced) {
  ASSERT_EQ(::mkdir(store_.dir().c_str(), 0700), 0);
  EXPECT_TRUE(KeyManager::InitStore(store_.backing(), store_.WithKey("a")));
}

TEST_F(StoreInitTest, AFileDictionaryWithOneFileIsNotReplaced) {
  const EncryptionConfig config = store_.WithKey("a");
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config));
  {
    auto keys = KeyManager::Open(store_.backing(), config, 1000, Access::kExclusive);
    ASSERT_TRUE(keys);
    // The shortest record there is.
    ASSERT_TRUE((*keys)->files().Insert(FileTree::kRoot, "f", FileRecord{}));
    ASSERT_TRUE((*keys)->Close());
  }
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);
  const auto before = Snapshot(store_.backing());
  EXPECT_EQ(InitCode(config), ErrorCode::kStoreIncomplete);
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(StoreInitTest, AFailureLeavesNothing) {
  rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const EncryptionConfig config = store_.WithKey("a");
  // Too little for the file dictionary, then for the key dictionary.
  for (rlim_t limit_bytes : {10U, 180U}) {
    const rlimit tight{.rlim_cur = limit_bytes, .rlim_max = old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    Status made = KeyManager::InitStore(store_.backing(), config);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    ASSERT_FALSE(made) << limit_bytes;
    EXPECT_EQ(made.error().Errno(), EFBIG);
    EXPECT_THAT(Snapshot(store_.backing()), IsEmpty()) << limit_bytes;
  }
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(KeyManager::InitStore(store_.backing(), config)) << "nothing stands in the way of the next try";
}

TEST_F(StoreInitTest, ReadStoreInfoNeedsNoKey) {
  auto none = ReadStoreInfo(store_.backing());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotAStore);
  ASSERT_TRUE(KeyManager::InitStore(store_.backing(), store_.WithKey("a")));
  const auto before = Snapshot(store_.backing());
  auto info = ReadStoreInfo(store_.backing());
  ASSERT_TRUE(info) << info.error().Text();
  EXPECT_EQ(info->generation, 1U);
  ASSERT_EQ(info->wraps.size(), 1U);
  EXPECT_EQ(info->wraps[0].provider, "file");
  EXPECT_EQ(info->wraps[0].uri, "file:" + store_.KeyFile("a"));
  EXPECT_EQ(Snapshot(store_.backing()), before);
  WriteTextFile(store_.KeyDictPath(), "rubbish and more");
  EXPECT_EQ(ReadStoreInfo(store_.backing()).error().code, ErrorCode::kCorrupt);
}

TEST_F(StoreInitTest, AStoreDirectoryThatIsNoneIsNotAStore) {
  WriteTextFile(store_.dir(), "a file");
  EXPECT_EQ(ReadStoreInfo(store_.backing()).error().code, ErrorCode::kNotAStore);
  EXPECT_EQ(InitCode(store_.WithKey("a")), ErrorCode::kNotAStore);
  ASSERT_EQ(::unlink(store_.dir().c_str()), 0);
  ASSERT_EQ(::symlink("/var/tmp", store_.dir().c_str()), 0);
  EXPECT_EQ(ReadStoreInfo(store_.backing()).error().code, ErrorCode::kNotAStore);
}

}  // namespace
}  // namespace tdefs
