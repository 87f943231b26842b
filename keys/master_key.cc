#include "keys/master_key.h"

#include <fmt/core.h>

#include "keys/file_master_key.h"
#include "keys/key_file.h"
#include "keys/plaintext_master_key.h"

namespace tdefs {

bool IsPlaintext(const Wrap& wrap) {
  return wrap.provider == PlaintextMasterKey::kProvider;
}

Status CheckMethodAllowed(Method method, bool master_key_is_secure) {
  if (method == Method::kPlaintext || master_key_is_secure) return {};
  return Fail(ErrorCode::kInsecureKey,
              fmt::format("encryption with {} is to be enabled, but the master key is absent or "
                          "insecure (plaintext)",
                          MethodName(method)));
}

std::optional<MasterKeyConfig> MasterKeyFromWrap(const Wrap& wrap) {
  if (IsPlaintext(wrap)) return MasterKeyConfig{.type = MasterKeyConfig::Type::kPlaintext, .path = {}};
  if (wrap.provider != FileMasterKey::kProvider || !wrap.uri.starts_with(FileMasterKey::kUriScheme))
    return std::nullopt;
  std::string path = wrap.uri.substr(FileMasterKey::kUriScheme.size());
  if (!path.starts_with('/')) return std::nullopt;
  return MasterKeyConfig{.type = MasterKeyConfig::Type::kFile, .path = std::move(path)};
}

Result<std::unique_ptr<MasterKeyProvider>> OpenMasterKey(const MasterKeyConfig& config, std::string_view backing_dir) {
  switch (config.type) {
    case MasterKeyConfig::Type::kPlaintext:
      return std::make_unique<PlaintextMasterKey>();
    case MasterKeyConfig::Type::kFile: {
      TRY(RefuseKeyInside(config.path, std::string(backing_dir)));
      SecretBytes key = TRY(ReadKeyFile(config.path));
      return FileMasterKey::Create(std::move(key), config.path);
    }
  }
  return Fail(ErrorCode::kBadConfig, "master key: unknown type");
}

}  // namespace tdefs
