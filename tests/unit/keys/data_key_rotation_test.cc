// Rotation of data keys in an open store: R3, its failures, and its effect on records of all ages.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "crypto/random.h"
#include "tests/unit/keys/key_manager_fixture.h"

namespace tdefs {
namespace {

using DataKeyRotationTest = KeyManagerTest;

TEST_F(DataKeyRotationTest, Rotate) {
  Manager keys = Open();
  const FileRecord old_record = *keys->NewRecord();
  auto id = keys->RotateDataKey();
  ASSERT_TRUE(id) << id.error().Text();
  EXPECT_NE(*id, 0U);
  EXPECT_NE(*id, old_record.key_id);
  EXPECT_EQ(keys->current_key_id(), *id);
  EXPECT_EQ(keys->NewRecord()->key_id, *id);
  EXPECT_TRUE(keys->CipherFor(old_record)) << "old files stay readable";
  EXPECT_EQ(keys->Info().generation, 2U);
  EXPECT_EQ(keys->failed_rotations(), 0U);
}

TEST_F(DataKeyRotationTest, Persistence) {
  std::vector<FileRecord> records;
  Bytes encrypted(64);
  for (Method method : kAllMethods) {
    config_.data_encryption_method = method;
    Manager keys = Open();
    ASSERT_TRUE(keys->RotateDataKey());
    records.push_back(*keys->NewRecord());
    if (method == Method::kAes128Ctr)
      (*keys->CipherFor(records.back()))->Transform(records.back().iv, 0, Bytes(64), encrypted);
    ASSERT_TRUE(keys->Close());
  }
  Manager keys = Open();
  for (const FileRecord& record : records) EXPECT_TRUE(keys->CipherFor(record)) << MethodName(record.method);
  Bytes again(64);
  (*keys->CipherFor(records[1]))->Transform(records[1].iv, 0, Bytes(64), again);
  EXPECT_TRUE(again == encrypted) << "the key itself is the same";
}

TEST_F(DataKeyRotationTest, R3ANewKeyIsDurableBeforeItIsUsed) {
  Manager keys = Open();
  std::atomic<bool> stop = false;
  std::atomic<int> missing = 0;
  std::thread user([&] {
    DataKeyId last = 0;
    while (!stop) {
      const FileRecord record = *keys->NewRecord();
      if (record.key_id == last) continue;
      last = record.key_id;
      if (!store_.ReadKeyDictionary(config_).keys.contains(record.key_id)) ++missing;
    }
  });
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(keys->RotateDataKey());
  stop = true;
  user.join();
  EXPECT_EQ(missing, 0);
}

TEST_F(DataKeyRotationTest, AKeyThatCannotBeSavedIsNeverUsed) {
  Manager keys = Open();
  const DataKeyId before = keys->current_key_id();
  const std::string key_dict = KeyDict();
  BlockSaving();
  auto id = keys->RotateDataKey();
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().Errno(), EISDIR);
  EXPECT_EQ(keys->failed_rotations(), 1U);
  EXPECT_EQ(keys->current_key_id(), before);
  EXPECT_EQ(keys->ListKeys().size(), 1U);
  EXPECT_EQ(keys->NewRecord()->key_id, before);
  EXPECT_TRUE(KeyDict() == key_dict);
  UnblockSaving();
  EXPECT_TRUE(keys->RotateDataKey());
  EXPECT_EQ(keys->ListKeys().size(), 2U);
}

TEST_F(DataKeyRotationTest, AFullDiskKeepsTheOldKeyAndTheStoreOpens) {
  Manager keys = Open();
  const DataKeyId before = keys->current_key_id();
  rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{.rlim_cur = 100, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  auto id = keys->RotateDataKey();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().Errno(), EFBIG);
  EXPECT_NE(::access((store_.dir() + "/key.dict.tmp").c_str(), F_OK), 0) << "nothing is left over";
  keys.reset();
  EXPECT_EQ(Open()->current_key_id(), before);
}

TEST_F(DataKeyRotationTest, ALeftoverTemporaryFileIsReplaced) {
  WriteTextFile(store_.dir() + "/key.dict.tmp", "half a dictionary");
  Manager keys = Open();
  EXPECT_TRUE(keys->RotateDataKey());
  EXPECT_NE(::access((store_.dir() + "/key.dict.tmp").c_str(), F_OK), 0);
}

TEST_F(DataKeyRotationTest, AnOldKeyIsRotatedAtStart) {
  const DataKeyId before = store_.ReadKeyDictionary(config_).current_key_id;
  AgeCurrentKey();
  Manager keys = Open();
  EXPECT_NE(keys->current_key_id(), before);
  const DataKeyId after = keys->current_key_id();
  EXPECT_TRUE(keys->RotateIfDue());
  EXPECT_EQ(keys->current_key_id(), after) << "a young key stays";
}

TEST_F(DataKeyRotationTest, AnOldKeyThatCannotBeRotatedStaysAtStart) {
  const DataKeyId before = store_.ReadKeyDictionary(config_).current_key_id;
  AgeCurrentKey();
  BlockSaving();
  Manager keys = Open();
  EXPECT_EQ(keys->current_key_id(), before);
  EXPECT_EQ(keys->failed_rotations(), 1U);
  EXPECT_FALSE(keys->RotateIfDue());
  EXPECT_EQ(keys->failed_rotations(), 2U);
  UnblockSaving();
  EXPECT_TRUE(keys->RotateIfDue());
  EXPECT_NE(keys->current_key_id(), before);
}

TEST_F(DataKeyRotationTest, TheBackgroundRotatesWhileMounted) {
  config_.data_key_rotation_period = std::chrono::seconds(1);
  Manager keys = Open();
  const DataKeyId before = keys->current_key_id();
  while (keys->current_key_id() == before) std::this_thread::yield();  // hangs if nothing rotates
  EXPECT_TRUE(keys->Close());
}

TEST_F(DataKeyRotationTest, AMethodThatCannotBeFollowedIsFatalAtStart) {
  BlockSaving();
  config_.data_encryption_method = Method::kSm4Ctr;
  EXPECT_EQ(OpenError().Errno(), EISDIR);
}

TEST_F(DataKeyRotationTest, AllTransitionsBetweenMethodsKeepOldRecords) {
  std::vector<FileRecord> records;
  for (Method from : kAllMethods) {
    for (Method to : kAllMethods) {
      for (Method method : {from, to}) {
        config_.data_encryption_method = method;
        Manager keys = Open();
        const FileRecord record = *keys->NewRecord();
        EXPECT_EQ(record.method, method);
        records.push_back(record);
        ASSERT_TRUE(keys->Close());
      }
    }
  }
  Manager keys = Open();
  for (const FileRecord& record : records) EXPECT_TRUE(keys->CipherFor(record));
}

TEST_F(DataKeyRotationTest, WithoutAConfiguredMethodTheStoresOwnStays) {
  config_.data_encryption_method = Method::kSm4Ctr;
  OpenAndClose();
  config_.data_encryption_method = std::nullopt;
  Manager keys = Open();
  EXPECT_EQ(keys->NewRecord()->method, Method::kSm4Ctr);
  EXPECT_TRUE(keys->RotateDataKey());
  EXPECT_EQ(keys->NewRecord()->method, Method::kSm4Ctr);
  EXPECT_TRUE(keys->RotateDataKey(Method::kAes128Ctr));
  EXPECT_EQ(keys->NewRecord()->method, Method::kAes128Ctr);
}

TEST_F(DataKeyRotationTest, AtTheLimitOfKeysRotationFailsAndTheOldKeyStays) {
  store_.EditKeyDictionary("a", [](KeyDictionary& dictionary) {
    for (DataKeyId id = 1; dictionary.keys.size() < kDataKeysMax; ++id) {
      dictionary.keys.emplace(id, DataKey{.id = id,
                                          .method = Method::kAes256Ctr,
                                          .created_unix_s = 0,
                                          .exposed = false,
                                          .domain = 0,
                                          .key = *RandomSecret(32)});
    }
  });
  Manager keys = Open();
  const DataKeyId before = keys->current_key_id();
  for (DataKeyId id = 1; id < kDataKeysMax; ++id) {  // their ciphers fit the secure heap as well
    ASSERT_TRUE(keys->CipherFor({.method = Method::kAes256Ctr, .key_id = id, .iv = {}}));
  }
  auto id = keys->RotateDataKey();
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::kLimit);
  EXPECT_EQ(keys->current_key_id(), before);
  EXPECT_EQ(keys->failed_rotations(), 1U);
}

TEST_F(DataKeyRotationTest, RecordsMadeDuringRotationsAlwaysFitTheirKeys) {
  Manager keys = Open();
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> users;
  for (int i = 0; i < 64; ++i) {
    users.emplace_back([&] {
      while (!stop) {
        const FileRecord record = *keys->NewRecord();
        auto cipher = keys->CipherFor(record);
        if (!cipher || (*cipher ? (*cipher)->method() : Method::kPlaintext) != record.method) ++wrong;
      }
    });
  }
  for (int i = 0; i < 40; ++i)
    EXPECT_TRUE(keys->RotateDataKey(kAllMethods[static_cast<size_t>(i) % kAllMethods.size()]));
  stop = true;
  for (std::thread& user : users) user.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace tdefs
