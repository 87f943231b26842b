#include "keys/key_manager.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/keys/key_manager_fixture.h"

namespace tdefs {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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
  keys->HealingDone(keys->healing_requests());
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

}  // namespace
}  // namespace tdefs
