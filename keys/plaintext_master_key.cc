#include "keys/plaintext_master_key.h"

#include <fmt/core.h>

#include "keys/key_dictionary.h"

namespace tdefs {

Result<Wrap> PlaintextMasterKey::WrapRootKey(const SecretBytes& root_key, const StoreId&) {
  Wrap wrap;
  wrap.provider = kProvider;
  wrap.wrapped_root_key.assign(root_key.view().begin(), root_key.view().end());
  wrap.created_unix_s = UnixNow();
  return wrap;
}

Result<SecretBytes> PlaintextMasterKey::UnwrapRootKey(const Wrap& wrap, const StoreId&) {
  if (!Owns(wrap)) {
    return Fail(ErrorCode::kWrongKey,
                fmt::format("master key plaintext: the store's is {} ({})", wrap.provider, wrap.uri));
  }
  if (wrap.wrapped_root_key.size() != kRootKeyBytes) {
    return Fail(ErrorCode::kCorrupt, fmt::format("wrap of master key plaintext: {} bytes, expected {}",
                                                 wrap.wrapped_root_key.size(), kRootKeyBytes));
  }
  return SecretBytes(ByteView(wrap.wrapped_root_key));
}

}  // namespace tdefs
