// DataKey: encrypts the content of files; one entry of the key dictionary.
#pragma once

#include <cstdint>
#include <map>

#include "base/error.h"
#include "base/method.h"
#include "crypto/secret_bytes.h"
#include "keys/file_record.h"

namespace tdefs {

struct DataKey {
  DataKeyId id = 0;
  Method method = Method::kPlaintext;
  uint64_t created_unix_s = 0;
  bool exposed = false;  // was once stored under a plaintext master key
  uint32_t domain = 0;
  SecretBytes key;  // empty for plaintext

  DataKey Clone() const;
};

// A new random key of this method, created now, with a random id that is not 0 and not one of `taken`.
Result<DataKey> MakeDataKey(Method method, const std::map<DataKeyId, DataKey>& taken);

// Seconds of Unix time; 0 for a clock before 1970.
uint64_t UnixNow();

}  // namespace tdefs
