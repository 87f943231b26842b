// MasterKeyProvider: the user's key, wherever it lives. It wraps and unwraps one root key; the key itself never leaves
// it. Providers: file (AES-256-GCM under the key in a file), plaintext (TiKV's: no protection); KMS to come.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "config/config.h"
#include "crypto/secret_bytes.h"
#include "keys/store_id.h"

namespace tdefs {

// A root key as wrapped by one master key; what key.dict stores of it.
struct Wrap {
  std::string provider;  // "file", "plaintext", later "aws-kms", …
  std::string key_id;    // file: hex fingerprint of the key (HKDF-derived, 16 bytes), so that a wrong key is told apart
  std::string uri;       // where the key was when it wrapped: "file:/etc/tdefs/key"; a hint, proved by unwrapping
  std::string key_version;  // empty where the provider has none
  Bytes wrapped_root_key;
  uint64_t created_unix_s = 0;
  uint32_t domain = 0;  // key domain; 0 is the volume
};

class MasterKeyProvider {
 public:
  virtual ~MasterKeyProvider() = default;
  // For messages: "file /etc/tdefs/key". No secrets.
  virtual std::string Describe() const = 0;
  // False for plaintext: whatever it wraps is exposed.
  virtual bool IsSecure() const = 0;
  // True if this wrap was made by this very key (same provider and key id); asks nobody.
  virtual bool Owns(const Wrap& wrap) const = 0;
  // Binds the wrapped key to the store as associated data.
  virtual Result<Wrap> WrapRootKey(const SecretBytes& root_key, const StoreId& store_id) = 0;
  // kWrongKey if the key does not open it; kCorrupt if the key owns the wrap but the wrap was changed.
  virtual Result<SecretBytes> UnwrapRootKey(const Wrap& wrap, const StoreId& store_id) = 0;
};

// True for a wrap that anyone opens: it holds the root key in the clear.
bool IsPlaintext(const Wrap& wrap);
// kInsecureKey for an encrypting method under a master key that protects nothing.
Status CheckMethodAllowed(Method method, bool master_key_is_secure);

// The configuration that a wrap's uri stands for; nothing for a provider this build does not know.
std::optional<MasterKeyConfig> MasterKeyFromWrap(const Wrap& wrap);

// The provider of a configured master key; for a file, reads and checks it (errors: kBadKeyFile). `backing_dir` is the
// absolute, resolved backing directory: a key file inside it is refused (kBadPath).
Result<std::unique_ptr<MasterKeyProvider>> OpenMasterKey(const MasterKeyConfig& config, std::string_view backing_dir);

}  // namespace tdefs
