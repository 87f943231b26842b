// KeyDictionary: key.dict, the store's header with the wrapped root key and, sealed under it, all data keys.
// Format: keys/key_dictionary.cc and docs/format.md. One flipped bit anywhere is refused.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/method.h"
#include "crypto/secret_bytes.h"
#include "keys/file_record.h"
#include "keys/master_key.h"
#include "keys/store_id.h"

namespace tdefs {

inline constexpr size_t kKeyDictionaryBytesMax = 4 << 20;
inline constexpr size_t kWrapsMax = 16;
inline constexpr size_t kDataKeysMax = 8192;

struct DataKey {
  DataKeyId id = 0;
  Method method = Method::kPlaintext;
  uint64_t created_unix_s = 0;
  bool exposed = false;  // was once stored under a plaintext master key
  uint32_t domain = 0;
  SecretBytes key;       // empty for plaintext
};

// The part that needs no key: readable by `tdefs info`.
struct KeyDictionaryHeader {
  StoreId store_id{};
  uint64_t generation = 0;  // grows by one at each save
  std::vector<Wrap> wraps;
};

struct KeyDictionary {
  KeyDictionaryHeader header;
  std::map<DataKeyId, DataKey> keys;
  DataKeyId current_key_id = 0;
  SecretBytes dictionary_key;  // 32 bytes, of the file dictionary
  SecretBytes tag_mac_key;     // 32 bytes

  const DataKey& current() const { return keys.at(current_key_id); }
};

// The header of encoded bytes, checked for form only. kCorrupt, kUnsupported.
Result<KeyDictionaryHeader> DecodeKeyDictionaryHeader(ByteView encoded);
// kWrongKey if the root key does not open the payload; kCorrupt if what it opens makes no sense.
Result<KeyDictionary> DecodeKeyDictionary(ByteView encoded, const SecretBytes& root_key);
Result<Bytes> EncodeKeyDictionary(const KeyDictionary& dictionary, const SecretBytes& root_key);

}  // namespace tdefs
