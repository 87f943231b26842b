// KeyRing: the data keys of an open store in memory, and key.dict behind them. A key is durable in key.dict before
// anyone can get it from here (R3).
//
// Thread-safe. Lock order: save_mutex_ (one change at a time, held across file I/O) → mutex_ (never held across I/O, so
// a slow disk never stops those who only read keys). mutex_ is no reader-writer lock: it is held for a look-up, and
// steady readers would keep a rotation waiting for ever.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "crypto/content_cipher.h"
#include "keys/file_record.h"
#include "keys/key_dictionary.h"
#include "keys/store_info.h"

namespace tdefs {

class KeyRing {
 public:
  // `store_dir_fd` stays the caller's and must outlive the object.
  KeyRing(int store_dir_fd, KeyDictionary dictionary, SecretBytes root_key);

  // The current key, its method and its marks, of one moment.
  DataKeyInfo Current() const;
  // False while a wrap holds the root key in the clear.
  bool MasterKeyIsSecure() const;
  // Null for plaintext. kDataKeyMissing names the id; kTampered if the key is of another method than the record.
  Result<std::shared_ptr<const ContentCipher>> CipherFor(const FileRecord& record);
  // A new current key of `method`, or of the present method. On an error nothing changes: kInsecureKey, kLimit, or what
  // saving met.
  Result<DataKeyId> Rotate(std::optional<Method> method);

  std::vector<DataKeyInfo> List() const;
  StoreInfo Info() const;

 private:
  const int store_dir_fd_;
  const SecretBytes root_key_;
  std::mutex save_mutex_;
  mutable std::mutex mutex_;
  KeyDictionary dictionary_;  // changed under both mutexes, so holding either is enough to read it
  std::unordered_map<DataKeyId, std::shared_ptr<const ContentCipher>> ciphers_;  // guarded by mutex_
};

}  // namespace tdefs
