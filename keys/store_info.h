// What may be told of a store and its keys: no secrets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/method.h"
#include "keys/file_record.h"
#include "keys/key_dictionary.h"
#include "keys/store_id.h"

namespace tdefs {

struct DataKeyInfo {
  DataKeyId id = 0;
  Method method = Method::kPlaintext;
  uint64_t created_unix_s = 0;
  bool current = false;
  bool exposed = false;
};

struct StoreInfo {
  StoreId store_id{};
  uint64_t generation = 0;
  struct WrapInfo {
    std::string provider, key_id, uri, key_version;
    uint64_t created_unix_s = 0;
  };
  std::vector<WrapInfo> wraps;
};

StoreInfo InfoOf(const KeyDictionaryHeader& header);

// The header of a store's key.dict without any key: for `tdefs info` and for telling a store from a plain directory.
// kNotAStore, kStoreIncomplete, kCorrupt, kUnsupported.
Result<StoreInfo> ReadStoreInfo(const std::string& backing_dir);

}  // namespace tdefs
