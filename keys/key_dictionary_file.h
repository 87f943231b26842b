// key.dict in its place: reading it, and replacing it durably.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "keys/key_dictionary.h"

namespace tdefs {

// The bytes of key.dict. kCorrupt if it is no regular file or larger than any key dictionary.
Result<Bytes> ReadKeyDictionaryFile(int store_dir_fd);
// Counts the generation up and replaces key.dict durably. On an error the file is the old one, whole, or (if only the
// last fsync failed) perhaps the new one; both hold every key that was ever published.
Status SaveKeyDictionary(int store_dir_fd, KeyDictionary& dictionary, const SecretBytes& root_key);

}  // namespace tdefs
