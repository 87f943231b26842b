// From the bytes of key.dict to its keys: which master key opens the store, and what follows when it has changed.
//
// The configured master key is asked first; the previous one only if that does not open the store. Without a configured
// master key the store's own wraps say where theirs is.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "config/config.h"
#include "keys/key_dictionary.h"
#include "keys/master_key.h"

namespace tdefs {

struct UnlockedStore {
  KeyDictionary dictionary;
  SecretBytes root_key;
  std::unique_ptr<MasterKeyProvider> master;  // the configured one; without one, that of the wrap that opened
  size_t opened_wrap = 0;                     // index in dictionary.header.wraps
  bool by_previous_master_key = false;        // then `master` has no wrap yet
};

// kBadKeyFile, kWrongKey (both keys wrong: one error that names both failures), kBadConfig (both are one key),
// kCorrupt, kUnsupported. Writes nothing.
Result<UnlockedStore> UnlockStore(ByteView key_dictionary, const EncryptionConfig& config,
                                  const std::string& backing_dir);

// At a mount: wraps the root key under the configured master key where the previous one opened the store.
// - From secure to secure the root key stays; the wrap of the previous key goes, other wraps stay.
// - To a plaintext master key every data key is marked exposed.
// - From a plaintext master key the root key is made afresh, since the old one was readable; all old wraps go.
// The new wrap is tested by opening it, then saved durably. On an error the store is as it was.
Status FollowMasterKey(int store_dir_fd, UnlockedStore& store);

// A wrap of the root key by this master key, tested by opening it.
Result<Wrap> WrapAndTest(MasterKeyProvider& master, const SecretBytes& root_key, const StoreId& store_id);

}  // namespace tdefs
