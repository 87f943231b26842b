// The header of key.dict as bytes: what stands before the sealed payload. Format: keys/key_dictionary.h.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "keys/key_dictionary.h"

namespace tdefs {

// A header and where it splits the file.
struct ParsedKeyDictionary {
  KeyDictionaryHeader header;
  AeadNonce nonce{};
  ByteView associated_data;  // everything before the payload
  ByteView sealed;           // the payload with its tag
};

// kCorrupt, kUnsupported. Views into `encoded`.
Result<ParsedKeyDictionary> ParseKeyDictionary(ByteView encoded);
// Everything before the payload, which will have `sealed_bytes`. kLimit.
Result<Bytes> EncodeKeyDictionaryHeader(const KeyDictionaryHeader& header, const AeadNonce& nonce, size_t sealed_bytes);

}  // namespace tdefs
