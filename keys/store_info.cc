#include "keys/store_info.h"

#include "keys/key_dictionary_file.h"
#include "keys/store_directory.h"

namespace tdefs {

StoreInfo InfoOf(const KeyDictionaryHeader& header) {
  StoreInfo info{.store_id = header.store_id, .generation = header.generation, .wraps = {}};
  for (const Wrap& wrap : header.wraps) {
    info.wraps.push_back({wrap.provider, wrap.key_id, wrap.uri, wrap.key_version, wrap.created_unix_s});
  }
  return info;
}

Result<StoreInfo> ReadStoreInfo(const std::string& backing_dir) {
  const StoreDirectory directory = TRY(OpenStoreDirectory(backing_dir));
  TRY(CheckStoreComplete(directory));
  const Bytes encoded = TRY(ReadKeyDictionaryFile(directory.store.get()));
  const KeyDictionaryHeader header = TRY(DecodeKeyDictionaryHeader(encoded));
  return InfoOf(header);
}

}  // namespace tdefs
