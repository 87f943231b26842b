// KeyManagerTest: a store with the master key file "a", made afresh for each test, and ways to open it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "keys/key_manager.h"
#include "tests/unit/keys/temp_store.h"

namespace tdefs {

class KeyManagerTest : public testing::Test {
 protected:
  using Access = KeyManager::Access;
  using Manager = std::unique_ptr<KeyManager>;
  void SetUp() override { ASSERT_TRUE(KeyManager::InitStore(store_.backing(), config_)); }

  Result<std::unique_ptr<KeyManager>> TryOpen(Access access = Access::kMount) {
    return KeyManager::Open(store_.backing(), config_, 1000, access);
  }
  // Aborts where it must succeed and does not.
  std::unique_ptr<KeyManager> Open(Access access = Access::kMount) {
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

}  // namespace tdefs
