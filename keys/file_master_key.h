// FileMasterKey: the master key that a file holds.
//
// A wrap's wrapped root key is 60 bytes: a random nonce (12) and the AES-256-GCM of the root key with its tag (48).
//   wrap key         HKDF-SHA256(file key, no salt, "tdefs wrap 1")
//   associated data  "tdefs root key 1" ‖ store id ‖ key domain (4 bytes, big-endian)
//   key id           lower-case hex of HKDF-SHA256(file key, no salt, "tdefs key id")[0, 16)
// The file key itself encrypts nothing, so one key file may serve several stores and, later, several purposes.
#pragma once

#include <memory>
#include <string>

#include "keys/master_key.h"

namespace tdefs {

class FileMasterKey final : public MasterKeyProvider {
 public:
  static constexpr std::string_view kProvider = "file";
  static constexpr std::string_view kUriScheme = "file:";

  // Requires: key.size() == kMasterKeyBytes. `path` is where the key was read, for messages and wraps.
  static Result<std::unique_ptr<MasterKeyProvider>> Create(SecretBytes key, std::string path);

  std::string Describe() const override { return "file " + path_; }
  bool IsSecure() const override { return true; }
  bool Owns(const Wrap& wrap) const override;
  Result<Wrap> WrapRootKey(const SecretBytes& root_key, const StoreId& store_id) override;
  Result<SecretBytes> UnwrapRootKey(const Wrap& wrap, const StoreId& store_id) override;

 private:
  FileMasterKey(SecretBytes wrap_key, std::string key_id, std::string path);

  SecretBytes wrap_key_;
  std::string key_id_;
  std::string path_;
};

}  // namespace tdefs
