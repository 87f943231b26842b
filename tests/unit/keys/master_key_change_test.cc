// What a mount does when the master key has changed: TiKV's rotate_master_key, rotate_master_key_rewrite_failure,
// both_master_key_fail, disallow_plaintext_metadata, encryption_enable_disable, rotate_on_key_expose and
// expose_keys_on_insecure_backend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "keys/key_manager.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Access = KeyManager::Access;
using Manager = std::unique_ptr<KeyManager>;

const MasterKeyConfig kPlaintextMasterKey{};

class MasterKeyChangeTest : public testing::Test {
 protected:
  void Init(const EncryptionConfig& config) { ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config)); }
  Manager Mount(const EncryptionConfig& config) {
    auto keys = KeyManager::Open(store_.backing(), config, 1000, Access::kMount);
    EXPECT_TRUE(keys) << keys.error().Text();
    return std::move(keys).value();
  }
  void MountAndClose(const EncryptionConfig& config) { ASSERT_TRUE(Mount(config)->Close()); }
  // A refused mount must leave every byte as it was.
  Error MountError(const EncryptionConfig& config) {
    const auto before = Snapshot(store_.backing());
    auto keys = KeyManager::Open(store_.backing(), config, 1000, Access::kMount);
    EXPECT_FALSE(keys);
    EXPECT_EQ(Snapshot(store_.backing()), before);
    return keys ? Error{} : keys.error();
  }
  EncryptionConfig Plaintext() {
    EncryptionConfig config;
    config.data_encryption_method = Method::kPlaintext;
    config.master_key = kPlaintextMasterKey;
    return config;
  }
  // From plaintext to key file `name`, or back.
  EncryptionConfig Securing(std::string_view name) {
    EncryptionConfig config = store_.WithKey(name);
    config.data_encryption_method = Method::kAes256Ctr;
    config.previous_master_key = kPlaintextMasterKey;
    return config;
  }
  EncryptionConfig Exposing(std::string_view name) {
    EncryptionConfig config = Plaintext();
    config.previous_master_key = store_.WithKey(name).master_key;
    return config;
  }
  Bytes RootKeyInTheClear() {
    const auto encoded = ReadTextFile(store_.KeyDictPath());
    return DecodeKeyDictionaryHeader(AsBytes(encoded))->wraps.at(0).wrapped_root_key;
  }
  bool KeyDictHolds(ByteView bytes) {
    const std::string content = ReadTextFile(store_.KeyDictPath());
    return !std::ranges::search(AsBytes(content), bytes).empty();
  }

  TempStore store_;
};

TEST_F(MasterKeyChangeTest, RotateMasterKey) {
  Init(store_.WithKey("a"));
  Manager keys = Mount(store_.WithKey("a"));
  const FileRecord record = *keys->NewRecord();
  ASSERT_TRUE(keys->Close());
  keys.reset();

  keys = Mount(store_.WithKeys("b", "a"));
  ASSERT_EQ(keys->Info().wraps.size(), 1U);
  EXPECT_EQ(keys->Info().wraps[0].uri, "file:" + store_.KeyFile("b"));
  EXPECT_EQ(keys->current_key_id(), record.key_id) << "the data keys stay";
  EXPECT_TRUE(keys->CipherFor(record));
  ASSERT_TRUE(keys->Close());
  keys.reset();

  MountAndClose(store_.WithKey("b"));
  EXPECT_EQ(MountError(store_.WithKey("a")).code, ErrorCode::kWrongKey) << "the old key opens nothing any more";
}

TEST_F(MasterKeyChangeTest, ThePreviousKeyIsNotTouchedIfTheNewOneWorks) {
  Init(store_.WithKey("a"));
  EncryptionConfig config = store_.WithKeys("a", "b");
  WriteTextFile(store_.KeyFile("b"), "no key at all");
  MountAndClose(config);
}

TEST_F(MasterKeyChangeTest, APreviousKeyThatEqualsTheMasterKeyIsRefused) {
  Init(store_.WithKey("a"));
  const std::string before = ReadTextFile(store_.KeyDictPath());
  const Error same_path = MountError(store_.WithKeys("a", "a"));
  EXPECT_EQ(same_path.code, ErrorCode::kBadConfig);
  EXPECT_THAT(same_path.message, HasSubstr("previous-master-key " + store_.KeyFile("a") + " equals master-key"));

  EncryptionConfig linked = store_.WithKeys("a", "b");
  ASSERT_EQ(::unlink(store_.KeyFile("b").c_str()), 0);
  ASSERT_EQ(::link(store_.KeyFile("a").c_str(), linked.previous_master_key->path.c_str()), 0);
  EXPECT_EQ(MountError(linked).code, ErrorCode::kBadConfig) << "one file under two names";

  EncryptionConfig copied = store_.WithKeys("c", "d");
  WriteTextFile(copied.previous_master_key->path, ReadTextFile(copied.master_key->path));
  const Error same_key = MountError(copied);
  EXPECT_EQ(same_key.code, ErrorCode::kBadConfig) << "a copy, and it opens nothing";
  EXPECT_THAT(same_key.message, HasSubstr("they hold the same key"));
  EXPECT_EQ(ReadTextFile(store_.KeyDictPath()), before);
}

TEST_F(MasterKeyChangeTest, OtherWrapsStay) {
  Init(store_.WithKey("a"));
  store_.EditKeyDictionary("a", [](KeyDictionary& dictionary) {
    Wrap other = dictionary.header.wraps[0];
    other.provider = "aws-kms";
    dictionary.header.wraps.push_back(other);
  });
  Manager keys = Mount(store_.WithKeys("b", "a"));
  const auto wraps = keys->Info().wraps;
  ASSERT_EQ(wraps.size(), 2U);
  EXPECT_EQ(wraps[0].uri, "file:" + store_.KeyFile("b"));
  EXPECT_EQ(wraps[1].provider, "aws-kms");
}

TEST_F(MasterKeyChangeTest, RotateMasterKeyRewriteFailure) {
  Init(store_.WithKey("a"));
  MountAndClose(store_.WithKey("a"));
  const std::string before = ReadTextFile(store_.KeyDictPath());
  const std::string blocker = store_.dir() + "/key.dict.tmp";
  ASSERT_EQ(::mkdir(blocker.c_str(), 0700), 0);
  auto keys = KeyManager::Open(store_.backing(), store_.WithKeys("b", "a"), 1000, Access::kMount);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().Errno(), EISDIR);
  EXPECT_TRUE(ReadTextFile(store_.KeyDictPath()) == before);
  ASSERT_EQ(::rmdir(blocker.c_str()), 0);
  MountAndClose(store_.WithKey("a"));
  MountAndClose(store_.WithKeys("b", "a"));
}

TEST_F(MasterKeyChangeTest, BothMasterKeyFail) {
  Init(store_.WithKey("a"));
  MountAndClose(store_.WithKey("a"));
  const Error error = MountError(store_.WithKeys("b", "c"));
  EXPECT_EQ(error.code, ErrorCode::kWrongKey);
  EXPECT_THAT(error.message, AllOf(HasSubstr("both master keys failed"), HasSubstr(store_.KeyFile("b")),
                                   HasSubstr("previous: "), HasSubstr(store_.KeyFile("c"))));
  EncryptionConfig absent = store_.WithKeys("b", "c");
  ASSERT_EQ(::unlink(store_.KeyFile("c").c_str()), 0);
  EXPECT_THAT(MountError(absent).message, AllOf(HasSubstr("both master keys failed"), HasSubstr("does not exist")));
}

TEST_F(MasterKeyChangeTest, MasterKeyFailureAndSucceed) {
  Init(store_.WithKey("a"));
  MountAndClose(store_.WithKey("a"));
  EncryptionConfig config = store_.WithKeys("b", "a");
  const std::string good = ReadTextFile(store_.KeyFile("b"));
  WriteTextFile(store_.KeyFile("b"), "not ready yet");
  EXPECT_EQ(MountError(config).code, ErrorCode::kBadKeyFile) << "the previous key is no way around a bad new one";
  WriteTextFile(store_.KeyFile("b"), good);
  MountAndClose(config);
}

TEST_F(MasterKeyChangeTest, OnlyAMountWrapsAnew) {
  Init(store_.WithKey("a"));
  const std::string before = ReadTextFile(store_.KeyDictPath());
  for (Access access : {Access::kExclusive, Access::kReadOnly}) {
    auto keys = KeyManager::Open(store_.backing(), store_.WithKeys("b", "a"), 1000, access);
    ASSERT_TRUE(keys) << keys.error().Text();
    EXPECT_TRUE((*keys)->Close());
  }
  EXPECT_TRUE(ReadTextFile(store_.KeyDictPath()) == before);
}

TEST_F(MasterKeyChangeTest, DisallowPlaintextMetadata) {
  Init(store_.WithKey("a"));
  MountAndClose(store_.WithKey("a"));
  EncryptionConfig config = Exposing("a");
  config.data_encryption_method = Method::kAes256Ctr;
  EXPECT_EQ(MountError(config).code, ErrorCode::kInsecureKey);
  config.data_encryption_method = std::nullopt;  // the store's own, which encrypts
  const Error error = MountError(config);
  EXPECT_EQ(error.code, ErrorCode::kInsecureKey);
  EXPECT_THAT(error.message, HasSubstr("master key is absent or insecure"));
}

TEST_F(MasterKeyChangeTest, PlaintextStoreTakesNoEncryptingMethod) {
  Init(Plaintext());
  EncryptionConfig config = Plaintext();
  config.data_encryption_method = Method::kSm4Ctr;
  EXPECT_EQ(MountError(config).code, ErrorCode::kInsecureKey);
  config.master_key = std::nullopt;  // the store's own wrap is as insecure
  EXPECT_EQ(MountError(config).code, ErrorCode::kInsecureKey);
  Manager keys = Mount(Plaintext());
  EXPECT_EQ(keys->RotateDataKey(Method::kAes256Ctr).error().code, ErrorCode::kInsecureKey);
  EXPECT_EQ(keys->NewRecord()->method, Method::kPlaintext);
}

TEST_F(MasterKeyChangeTest, APlaintextWrapIsNotAcceptedUnasked) {
  Init(Plaintext());
  const Error error = MountError(store_.WithKey("a"));
  EXPECT_EQ(error.code, ErrorCode::kWrongKey) << "whoever writes key.dict could else slip in one of his own";
  EXPECT_THAT(error.message, HasSubstr("plaintext"));
}

TEST_F(MasterKeyChangeTest, EncryptionEnableDisable) {
  Init(Plaintext());
  Manager keys = Mount(Plaintext());
  const FileRecord before = *keys->NewRecord();
  ASSERT_TRUE(keys->Close());
  keys.reset();

  keys = Mount(Securing("a"));  // enable
  const FileRecord encrypted = *keys->NewRecord();
  EXPECT_EQ(encrypted.method, Method::kAes256Ctr);
  EXPECT_EQ(keys->CipherFor(before).value(), nullptr);
  ASSERT_TRUE(keys->Close());
  keys.reset();

  EncryptionConfig disabled = store_.WithKey("a");  // disable: the master key is still needed
  disabled.data_encryption_method = Method::kPlaintext;
  keys = Mount(disabled);
  EXPECT_EQ(keys->NewRecord()->method, Method::kPlaintext);
  EXPECT_TRUE(keys->CipherFor(encrypted)) << "old files stay readable";
  ASSERT_TRUE(keys->Close());
  keys.reset();
  EXPECT_EQ(MountError(Plaintext()).code, ErrorCode::kWrongKey);

  MountAndClose(Exposing("a"));  // and without one: exposed, and still readable
  keys = Mount(Plaintext());
  EXPECT_TRUE(keys->CipherFor(encrypted));
}

TEST_F(MasterKeyChangeTest, ExposeKeysOnInsecureBackend) {
  Init(store_.WithKey("a"));
  MountAndClose(store_.WithKey("a"));
  EXPECT_FALSE(store_.ReadKeyDictionary(store_.WithKey("a")).current().exposed);
  Manager keys = Mount(Exposing("a"));
  for (const DataKeyInfo& key : keys->ListKeys()) EXPECT_TRUE(key.exposed);
  EXPECT_EQ(keys->Info().wraps.at(0).provider, "plaintext");
}

TEST_F(MasterKeyChangeTest, RotateOnKeyExpose) {
  EncryptionConfig encrypting = store_.WithKey("a");
  encrypting.data_encryption_method = Method::kAes256Ctr;
  Init(encrypting);
  MountAndClose(Exposing("a"));
  const Bytes old_root_key = RootKeyInTheClear();
  ASSERT_TRUE(KeyDictHolds(old_root_key));

  Manager keys = Mount(Securing("b"));
  const DataKeyId current = keys->current_key_id();
  for (const DataKeyInfo& key : keys->ListKeys()) EXPECT_EQ(key.exposed, key.id != current);
  ASSERT_EQ(keys->Info().wraps.size(), 1U);
  EXPECT_EQ(keys->Info().wraps[0].provider, "file");
  ASSERT_TRUE(keys->Close());
  keys.reset();
  EXPECT_FALSE(KeyDictHolds(old_root_key));
  const std::string encoded = ReadTextFile(store_.KeyDictPath());
  auto opened = DecodeKeyDictionary(AsBytes(encoded), SecretBytes(ByteView(old_root_key)));
  ASSERT_FALSE(opened) << "the root key that was readable must open nothing any more";
  EXPECT_EQ(opened.error().code, ErrorCode::kWrongKey);
}

TEST_F(MasterKeyChangeTest, ACurrentKeyThatWasExposedIsRotatedEvenWithTheSameMethod) {
  EncryptionConfig config = store_.WithKey("a");
  config.data_encryption_method = Method::kAes256Ctr;
  Init(config);
  const DataKeyId before = store_.ReadKeyDictionary(config).current_key_id;
  store_.EditKeyDictionary(
      "a", [](KeyDictionary& dictionary) { dictionary.keys.at(dictionary.current_key_id).exposed = true; });
  Manager keys = Mount(config);
  EXPECT_NE(keys->current_key_id(), before);
}

TEST_F(MasterKeyChangeTest, AnExposedKeyThatCannotBeRotatedIsFatal) {
  Init(store_.WithKey("a"));
  store_.EditKeyDictionary(
      "a", [](KeyDictionary& dictionary) { dictionary.keys.at(dictionary.current_key_id).exposed = true; });
  ASSERT_EQ(::mkdir((store_.dir() + "/key.dict.tmp").c_str(), 0700), 0);
  auto keys = KeyManager::Open(store_.backing(), store_.WithKey("a"), 1000, Access::kMount);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().Errno(), EISDIR);
}

}  // namespace
}  // namespace tdefs
