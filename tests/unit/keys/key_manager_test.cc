#include "keys/key_manager.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "crypto/random.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Access = KeyManager::Access;
using Manager = std::unique_ptr<KeyManager>;

class KeyManagerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config_)); }

  Result<Manager> TryOpen(Access access = Access::kMount) {
    return KeyManager::Open(store_.backing(), config_, 1000, access);
  }
  // Aborts where it must succeed and does not.
  Manager Open(Access access = Access::kMount) {
    auto keys = TryOpen(access);
    EXPECT_TRUE(keys) << keys.error().Text();
    return std::move(keys).value();
  }
  Error OpenError(Access access = Access::kMount) {
    auto keys = TryOpen(access);
    EXPECT_FALSE(keys);
    return keys ? Error{} : keys.error();
  }
  void OpenAndClose() { ASSERT_TRUE(Open()->Close()); }
  // Saving key.dict fails as long as this exists.
  void BlockSaving() { ASSERT_EQ(::mkdir((store_.dir() + "/key.dict.tmp").c_str(), 0700), 0); }
  void UnblockSaving() { ASSERT_EQ(::rmdir((store_.dir() + "/key.dict.tmp").c_str()), 0); }
  void AgeCurrentKey() {
    store_.EditKeyDictionary("a", [](KeyDictionary& dictionary) {
      dictionary.keys.at(dictionary.current_key_id).created_unix_s -= 8 * 24 * 3600;
    });
  }
  std::string KeyDict() { return ReadTextFile(store_.KeyDictPath()); }

  TempStore store_;
  EncryptionConfig config_ = store_.WithKey("a");
};

// ------------------------------------------------------------------------------------------------------- opening

TEST_F(KeyManagerTest, OpensWithEveryAccess) {
  for (Access access : {Access::kMount, Access::kExclusive, Access::kReadOnly}) {
    Manager keys = Open(access);
    EXPECT_EQ(keys->ListKeys().size(), 1U);
    EXPECT_EQ(keys->Info().wraps.size(), 1U);
    EXPECT_TRUE(keys->Close());
    EXPECT_TRUE(keys->Close()) << "a second time is harmless";
  }
}

TEST_F(KeyManagerTest, WithoutAMasterKeyTheStoresOwnWrapSaysWhereItIs) {
  config_ = EncryptionConfig{};
  OpenAndClose();
  ASSERT_EQ(::unlink(store_.KeyFile("a").c_str()), 0);
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kBadKeyFile);
  EXPECT_THAT(error.message, HasSubstr("does not exist"));
}

TEST_F(KeyManagerTest, AWrapOfAnUnknownProviderIsUnsupported) {
  store_.EditKeyDictionary("a", [](KeyDictionary& dictionary) { dictionary.header.wraps[0].provider = "aws-kms"; });
  config_ = EncryptionConfig{};
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("aws-kms"));
}

TEST_F(KeyManagerTest, AnyWrapOpens) {
  store_.EditKeyDictionary("a", [](KeyDictionary& dictionary) {
    Wrap other = dictionary.header.wraps[0];
    other.provider = "aws-kms";
    dictionary.header.wraps.insert(dictionary.header.wraps.begin(), other);
  });
  OpenAndClose();
  config_ = EncryptionConfig{};
  OpenAndClose();
}

TEST_F(KeyManagerTest, WrongKeyWritesNothing) {
  OpenAndClose();
  const auto before = Snapshot(store_.backing());
  config_ = store_.WithKey("b");
  for (Access access : {Access::kMount, Access::kExclusive, Access::kReadOnly}) {
    const Error error = OpenError(access);
    EXPECT_EQ(error.code, ErrorCode::kWrongKey);
    EXPECT_THAT(error.message, AllOf(HasSubstr(store_.KeyFile("a")), HasSubstr(store_.KeyFile("b"))));
  }
  EXPECT_EQ(Snapshot(store_.backing()), before);
  config_ = store_.WithKey("a");
  OpenAndClose();
}

TEST_F(KeyManagerTest, NotAStoreIsTold) {
  TempDir empty;
  auto keys = KeyManager::Open(empty.path(), config_, 1000, Access::kMount);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, ErrorCode::kNotAStore);
  EXPECT_EQ(KeyManager::Open("relative", config_, 1000, Access::kMount).error().code, ErrorCode::kBadPath);
}

TEST_F(KeyManagerTest, KeyDictMissing) {
  OpenAndClose();
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);
  const auto before = Snapshot(store_.backing());
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kStoreIncomplete);
  EXPECT_THAT(error.message, AllOf(HasSubstr("key.dict is missing"), HasSubstr("file.dict")));
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(KeyManagerTest, FileDictMissing) {
  OpenAndClose();
  ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
  const auto before = Snapshot(store_.backing());
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kStoreIncomplete);
  EXPECT_THAT(error.message, AllOf(HasSubstr("file.dict is missing"), HasSubstr("key.dict")));
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(KeyManagerTest, BothDictionariesMissing) {
  ASSERT_EQ(::unlink(store_.FileDictPath().c_str()), 0);
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);
  EXPECT_EQ(OpenError().code, ErrorCode::kStoreIncomplete);
}

TEST_F(KeyManagerTest, ADirectoryInPlaceOfADictionaryIsCorrupt) {
  ASSERT_EQ(::unlink(store_.KeyDictPath().c_str()), 0);
  ASSERT_EQ(::mkdir(store_.KeyDictPath().c_str(), 0700), 0);
  EXPECT_EQ(OpenError().code, ErrorCode::kCorrupt);
}

TEST_F(KeyManagerTest, AKeyDictLargerThanAnyIsCorrupt) {
  ASSERT_EQ(::truncate(store_.KeyDictPath().c_str(), kKeyDictionaryBytesMax + 1), 0);
  EXPECT_EQ(OpenError().code, ErrorCode::kCorrupt);
}

TEST_F(KeyManagerTest, EveryDamagedByteOfKeyDictIsRefusedAndNothingWritten) {
  OpenAndClose();
  const std::string good = KeyDict();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x01);
    WriteTextFile(store_.KeyDictPath(), bad);
    const Error error = OpenError();
    EXPECT_TRUE(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kWrongKey ||
                error.code == ErrorCode::kUnsupported)
        << "byte " << i << ": " << error.Text();
    EXPECT_TRUE(KeyDict() == bad) << "byte " << i;
  }
  WriteTextFile(store_.KeyDictPath(), good);
  OpenAndClose();
}

TEST_F(KeyManagerTest, ADamagedPayloadUnderTheRightKeyIsCorruptNotWrongKey) {
  std::string bad = KeyDict();
  bad.back() = static_cast<char>(bad.back() ^ 0x01);
  WriteTextFile(store_.KeyDictPath(), bad);
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("it was changed"));
}

TEST_F(KeyManagerTest, AnotherStoresKeyDictIsRefused) {
  TempStore other;
  ASSERT_TRUE(KeyManager::InitStore(other.backing(), config_));
  WriteTextFile(store_.KeyDictPath(), ReadTextFile(other.KeyDictPath()));
  EXPECT_EQ(OpenError().code, ErrorCode::kCorrupt);
}

TEST_F(KeyManagerTest, TheStoreCanBeMoved) {
  const DataKeyId id = Open()->current_key_id();
  const std::string moved = store_.backing() + "-moved";
  ASSERT_EQ(::rename(store_.backing().c_str(), moved.c_str()), 0);
  auto keys = KeyManager::Open(moved, config_, 1000, Access::kReadOnly);
  ASSERT_TRUE(keys);
  EXPECT_EQ((*keys)->current_key_id(), id);
}

// ------------------------------------------------------------------------------------------------------- the lock (R9)

TEST_F(KeyManagerTest, R9ASecondWriterIsRefusedWithTheHoldersPid) {
  Manager keys = Open();
  const auto before = Snapshot(store_.backing());
  for (Access access : {Access::kMount, Access::kExclusive}) {
    const Error error = OpenError(access);
    EXPECT_EQ(error.code, ErrorCode::kStoreBusy);
    EXPECT_THAT(error.message, HasSubstr(fmt::format("in use by process {}", ::getpid())));
  }
  EXPECT_EQ(Snapshot(store_.backing()), before);
  keys.reset();
  OpenAndClose();
}

TEST_F(KeyManagerTest, R9AReaderNeedsNoLockAndWritesNothing) {
  Manager keys = Open();
  ASSERT_TRUE(keys->RotateDataKey());
  const auto before = Snapshot(store_.backing());
  Manager reader = Open(Access::kReadOnly);
  EXPECT_EQ(reader->current_key_id(), keys->current_key_id());
  EXPECT_EQ(reader->RotateDataKey().error().code, ErrorCode::kUsage);
  EXPECT_EQ(reader->RotateIfDue().error().code, ErrorCode::kUsage);
  EXPECT_TRUE(reader->Close());
  reader.reset();
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(KeyManagerTest, R9AReaderOfAKilledStoreWritesNothing) {
  Open().reset();  // not closed
  AgeCurrentKey();
  const auto before = Snapshot(store_.backing());
  config_ = store_.WithKeys("b", "a");
  config_.data_encryption_method = Method::kSm4Ctr;
  Manager reader = Open(Access::kReadOnly);
  EXPECT_TRUE(reader->Close());
  reader.reset();
  EXPECT_EQ(Snapshot(store_.backing()), before);
}

TEST_F(KeyManagerTest, ExclusiveWritesOnlyWhatItIsTold) {
  Open().reset();  // not closed
  AgeCurrentKey();
  const std::string key_dict = KeyDict();
  const std::string file_dict = ReadTextFile(store_.FileDictPath());
  config_.data_encryption_method = Method::kSm4Ctr;
  Manager keys = Open(Access::kExclusive);
  EXPECT_TRUE(keys->healing());
  EXPECT_TRUE(keys->Close());
  keys.reset();
  EXPECT_TRUE(KeyDict() == key_dict);
  EXPECT_TRUE(ReadTextFile(store_.FileDictPath()) == file_dict);
  keys = Open(Access::kExclusive);
  EXPECT_TRUE(keys->RotateDataKey());
  EXPECT_EQ(keys->ListKeys().size(), 2U);
}

// ------------------------------------------------------------------------------------------------------- healing

TEST_F(KeyManagerTest, AnOrderlyEndNeedsNoHealing) {
  Manager keys = Open();
  EXPECT_FALSE(keys->healing()) << "a new store has nothing to heal";
  ASSERT_TRUE(keys->Close());
  keys.reset();
  keys = Open();
  EXPECT_FALSE(keys->healing());
  keys.reset();  // no Close: as if killed, without a single change
  keys = Open();
  EXPECT_TRUE(keys->healing());
}

TEST_F(KeyManagerTest, HealingGoesOnUntilItIsDone) {
  Open().reset();
  Manager keys = Open();
  ASSERT_TRUE(keys->healing());
  ASSERT_TRUE(keys->Close());  // orderly, but before all was healed
  keys.reset();
  keys = Open();
  ASSERT_TRUE(keys->healing());
  keys->HealingDone();
  EXPECT_FALSE(keys->healing());
  ASSERT_TRUE(keys->Close());
  keys.reset();
  EXPECT_FALSE(Open()->healing());
}

// ------------------------------------------------------------------------------------------------------- records

TEST_F(KeyManagerTest, RecordsHaveTheCurrentKeyAndFreshIvs) {
  Manager keys = Open();
  const FileRecord one = *keys->NewRecord();
  const FileRecord two = *keys->NewRecord();
  EXPECT_EQ(one.key_id, keys->current_key_id());
  EXPECT_EQ(one.method, Method::kAes256Ctr);
  EXPECT_TRUE(one.iv != two.iv);
  auto cipher = keys->CipherFor(one);
  ASSERT_TRUE(cipher);
  EXPECT_EQ((*cipher)->method(), Method::kAes256Ctr);
  EXPECT_EQ(*keys->CipherFor(two), *cipher) << "one cipher a data key";
}

TEST_F(KeyManagerTest, PlaintextHasNoCipherNoKeyAndNoIv) {
  config_.data_encryption_method = Method::kPlaintext;
  Manager keys = Open();
  const FileRecord record = *keys->NewRecord();
  EXPECT_EQ(record, FileRecord{});
  auto cipher = keys->CipherFor(record);
  ASSERT_TRUE(cipher);
  EXPECT_EQ(*cipher, nullptr);
}

TEST_F(KeyManagerTest, AMissingDataKeyIsNamed) {
  Manager keys = Open();
  FileRecord record = *keys->NewRecord();
  record.key_id = 42;
  auto cipher = keys->CipherFor(record);
  ASSERT_FALSE(cipher);
  EXPECT_EQ(cipher.error().code, ErrorCode::kDataKeyMissing);
  EXPECT_THAT(cipher.error().message, HasSubstr("data key 42"));
}

TEST_F(KeyManagerTest, ARecordOfAnotherMethodThanItsKeyIsTampering) {
  Manager keys = Open();
  FileRecord record = *keys->NewRecord();
  record.method = Method::kSm4Ctr;
  EXPECT_EQ(keys->CipherFor(record).error().code, ErrorCode::kTampered) << "not cached";
  record.method = Method::kAes256Ctr;
  ASSERT_TRUE(keys->CipherFor(record));
  record.method = Method::kSm4Ctr;
  EXPECT_EQ(keys->CipherFor(record).error().code, ErrorCode::kTampered) << "cached";
}

TEST_F(KeyManagerTest, TagsAreTheStoresOwn) {
  Manager keys = Open();
  const FileRecord record = *keys->NewRecord();
  const Tag tag = *keys->tags().Encode(record);
  ASSERT_TRUE(keys->Close());
  keys.reset();
  EXPECT_EQ(*Open()->tags().Decode(tag), record);
  TempStore other;
  ASSERT_TRUE(KeyManager::InitStore(other.backing(), config_));
  auto stranger = KeyManager::Open(other.backing(), config_, 1000, Access::kReadOnly);
  EXPECT_FALSE((*stranger)->tags().Decode(tag));
}

// ------------------------------------------------------------------------------------------------------- rotation

TEST_F(KeyManagerTest, Rotate) {
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

TEST_F(KeyManagerTest, Persistence) {
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

TEST_F(KeyManagerTest, R3ANewKeyIsDurableBeforeItIsUsed) {
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

TEST_F(KeyManagerTest, AKeyThatCannotBeSavedIsNeverUsed) {
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

TEST_F(KeyManagerTest, AFullDiskKeepsTheOldKeyAndTheStoreOpens) {
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

TEST_F(KeyManagerTest, ALeftoverTemporaryFileIsReplaced) {
  WriteTextFile(store_.dir() + "/key.dict.tmp", "half a dictionary");
  Manager keys = Open();
  EXPECT_TRUE(keys->RotateDataKey());
  EXPECT_NE(::access((store_.dir() + "/key.dict.tmp").c_str(), F_OK), 0);
}

TEST_F(KeyManagerTest, AnOldKeyIsRotatedAtStart) {
  const DataKeyId before = store_.ReadKeyDictionary(config_).current_key_id;
  AgeCurrentKey();
  Manager keys = Open();
  EXPECT_NE(keys->current_key_id(), before);
  const DataKeyId after = keys->current_key_id();
  EXPECT_TRUE(keys->RotateIfDue());
  EXPECT_EQ(keys->current_key_id(), after) << "a young key stays";
}

TEST_F(KeyManagerTest, AnOldKeyThatCannotBeRotatedStaysAtStart) {
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

TEST_F(KeyManagerTest, TheBackgroundRotatesWhileMounted) {
  config_.data_key_rotation_period = std::chrono::seconds(1);
  Manager keys = Open();
  const DataKeyId before = keys->current_key_id();
  while (keys->current_key_id() == before) std::this_thread::yield();  // hangs if nothing rotates
  EXPECT_TRUE(keys->Close());
}

TEST_F(KeyManagerTest, AMethodThatCannotBeFollowedIsFatalAtStart) {
  BlockSaving();
  config_.data_encryption_method = Method::kSm4Ctr;
  EXPECT_EQ(OpenError().Errno(), EISDIR);
}

TEST_F(KeyManagerTest, AllTransitionsBetweenMethodsKeepOldRecords) {
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

TEST_F(KeyManagerTest, WithoutAConfiguredMethodTheStoresOwnStays) {
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

TEST_F(KeyManagerTest, AtTheLimitOfKeysRotationFailsAndTheOldKeyStays) {
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

TEST_F(KeyManagerTest, RecordsMadeDuringRotationsAlwaysFitTheirKeys) {
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
