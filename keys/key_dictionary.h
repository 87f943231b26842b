// KeyDictionary: key.dict, the store's header with the wrapped root key and, sealed under it, all data keys.
// One flipped bit anywhere is refused. All integers are big-endian.
//
//   header      bytes  field
//                   8  magic "tdefskey"
//                   4  format version, 1
//                   4  feature bits, 0; an unknown bit is refused
//                  16  store id
//                   8  generation
//                   2  number of wraps, 1–16; then each wrap:
//                   4    key domain
//                   8    created, seconds of Unix time
//                 2+n    provider, key id, URI, key version: four texts, each with its length before it
//                 2+n    wrapped root key
//                  12  nonce, random at each save
//                   4  size of the sealed payload; it ends the file
//   payload       n+16  AES-256-GCM of the fields below; key: HKDF-SHA256(root key, salt = store id,
//                       "tdefs key dictionary 1"); associated data: everything before it
//                   8  current data key id
//                   4  settings that security depends on, 0; an unknown bit is refused
//                  32  dictionary key
//                  32  tag MAC key
//                   4  number of data keys; then each, ids ascending:
//                   8    id, never 0
//                   1    method number
//                   1    flags: bit 0 exposed
//                   4    key domain
//                   8    created, seconds of Unix time
//                   n    key; its size is the method's
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/error.h"
#include "crypto/secret_bytes.h"
#include "keys/data_key.h"
#include "keys/file_record.h"
#include "keys/master_key.h"
#include "keys/store_id.h"

namespace tdefs {

inline constexpr size_t kKeyDictionaryBytesMax = 4 << 20;
inline constexpr size_t kWrapsMax = 16;
inline constexpr size_t kWrapTextBytesMax = 4096;     // provider, key id, URI, key version
inline constexpr size_t kWrappedKeyBytesMax = 16384;  // what a KMS may return
// 78 years of weekly rotation. Bounded by the secure heap: the keys, a copy while one is added, their ciphers' copies
// and the payload in the clear must fit it together.
inline constexpr size_t kDataKeysMax = 4096;
inline constexpr size_t kRootKeyBytes = 32;

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
  // For changing a copy and publishing it once it is durable (R3).
  KeyDictionary Clone() const;
};

// The header of encoded bytes, checked for form only. kCorrupt, kUnsupported.
Result<KeyDictionaryHeader> DecodeKeyDictionaryHeader(ByteView encoded);
// kWrongKey if the root key does not open the payload; kCorrupt if what it opens makes no sense.
Result<KeyDictionary> DecodeKeyDictionary(ByteView encoded, const SecretBytes& root_key);
// kLimit if it holds more than a reader takes.
Result<Bytes> EncodeKeyDictionary(const KeyDictionary& dictionary, const SecretBytes& root_key);

}  // namespace tdefs
