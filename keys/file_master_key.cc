#include "keys/file_master_key.h"

#include <fmt/core.h>

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "keys/key_dictionary.h"

namespace tdefs {
namespace {

constexpr std::string_view kWrapLabel = "tdefs wrap 1";
constexpr std::string_view kKeyIdLabel = "tdefs key id";
constexpr std::string_view kPurpose = "tdefs root key 1";
constexpr size_t kKeyIdBytes = 16;
constexpr size_t kWrappedBytes = kAeadNonceBytes + kRootKeyBytes + kAeadTagBytes;

Bytes AssociatedData(const StoreId& store_id, uint32_t domain) {
  ByteWriter writer;
  writer.PutBytes(AsBytes(kPurpose));
  writer.PutBytes(store_id);
  writer.Put(domain);
  return writer.Take();
}

}  // namespace

FileMasterKey::FileMasterKey(SecretBytes wrap_key, std::string key_id, std::string path)
    : wrap_key_(std::move(wrap_key)), key_id_(std::move(key_id)), path_(std::move(path)) {}

Result<std::unique_ptr<MasterKeyProvider>> FileMasterKey::Create(SecretBytes key, std::string path) {
  SecretBytes wrap_key = TRY(HkdfSha256(key.view(), {}, AsBytes(kWrapLabel), kAeadKeyBytes));
  const SecretBytes key_id = TRY(HkdfSha256(key.view(), {}, AsBytes(kKeyIdLabel), kKeyIdBytes));
  return std::unique_ptr<MasterKeyProvider>(
      new FileMasterKey(std::move(wrap_key), ToHex(key_id.view()), std::move(path)));
}

bool FileMasterKey::Owns(const Wrap& wrap) const {
  return wrap.provider == kProvider && wrap.key_id == key_id_;
}

Result<Wrap> FileMasterKey::WrapRootKey(const SecretBytes& root_key, const StoreId& store_id) {
  Wrap wrap;
  wrap.provider = kProvider;
  wrap.key_id = key_id_;
  wrap.uri = std::string(kUriScheme) + path_;
  wrap.created_unix_s = UnixNow();
  wrap.wrapped_root_key.resize(kAeadNonceBytes + root_key.size() + kAeadTagBytes);
  AeadNonce nonce;
  TRY(FillRandom(nonce));
  std::ranges::copy(nonce, wrap.wrapped_root_key.begin());
  Aead cipher = TRY(Aead::Create(wrap_key_.view()));
  TRY(cipher.Seal(nonce, AssociatedData(store_id, wrap.domain), root_key.view(),
                  ByteSpan(wrap.wrapped_root_key).subspan(kAeadNonceBytes)));
  return wrap;
}

Result<SecretBytes> FileMasterKey::UnwrapRootKey(const Wrap& wrap, const StoreId& store_id) {
  if (!Owns(wrap)) {
    return Fail(ErrorCode::kWrongKey, fmt::format("master key {}: its id is {}, the store's is {} ({})", Describe(),
                                                  key_id_, wrap.key_id, wrap.uri));
  }
  if (wrap.wrapped_root_key.size() != kWrappedBytes) {
    return Fail(ErrorCode::kCorrupt, fmt::format("wrap of master key {}: {} bytes, expected {}", Describe(),
                                                 wrap.wrapped_root_key.size(), kWrappedBytes));
  }
  AeadNonce nonce;
  const ByteView wrapped(wrap.wrapped_root_key);
  std::ranges::copy(wrapped.first(kAeadNonceBytes), nonce.begin());
  Aead cipher = TRY(Aead::Create(wrap_key_.view()));
  SecretBytes root_key(kRootKeyBytes);
  if (!cipher.Open(nonce, AssociatedData(store_id, wrap.domain), wrapped.subspan(kAeadNonceBytes), root_key.span())) {
    return Fail(ErrorCode::kCorrupt, fmt::format("wrap of master key {}: it is damaged, or not of this store: the key "
                                                 "matches but its tag does not verify",
                                                 Describe()));
  }
  return root_key;
}

}  // namespace tdefs
