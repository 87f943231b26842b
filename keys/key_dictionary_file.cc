#include "keys/key_dictionary_file.h"

#include "base/file_io.h"

namespace tdefs {

Result<Bytes> ReadKeyDictionaryFile(int store_dir_fd) {
  auto content = ReadFileAt(store_dir_fd, kKeyDictionaryName, kKeyDictionaryBytesMax);
  if (!content && content.error().code == ErrorCode::kLimit) {
    return Fail(ErrorCode::kCorrupt, std::move(content.error().message));
  }
  return content;
}

Status SaveKeyDictionary(int store_dir_fd, KeyDictionary& dictionary, const SecretBytes& root_key) {
  ++dictionary.header.generation;
  const Bytes encoded = TRY(EncodeKeyDictionary(dictionary, root_key));
  return ReplaceFileAt(store_dir_fd, kKeyDictionaryName, encoded);
}

}  // namespace tdefs
