// PlaintextMasterKey: TiKV's master key of type plaintext, which is none: the wrap is the root key in the clear.
// Whoever reads key.dict has every data key; key.dict marks them exposed. Only for stores of method plaintext.
#pragma once

#include "keys/master_key.h"

namespace tdefs {

class PlaintextMasterKey final : public MasterKeyProvider {
 public:
  static constexpr std::string_view kProvider = "plaintext";

  std::string Describe() const override { return std::string(kProvider); }
  bool IsSecure() const override { return false; }
  bool Owns(const Wrap& wrap) const override { return wrap.provider == kProvider; }
  Result<Wrap> WrapRootKey(const SecretBytes& root_key, const StoreId& store_id) override;
  Result<SecretBytes> UnwrapRootKey(const Wrap& wrap, const StoreId& store_id) override;
};

}  // namespace tdefs
