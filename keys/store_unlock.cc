#include "keys/store_unlock.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "crypto/random.h"
#include "keys/key_dictionary_file.h"

namespace tdefs {
namespace {

struct OpenedWrap {
  SecretBytes root_key;
  size_t index = 0;
};

std::string ListWraps(const KeyDictionaryHeader& header) {
  std::string list;
  for (const Wrap& wrap : header.wraps) {
    if (!list.empty()) list += ", ";
    list += wrap.uri.empty() ? wrap.provider : wrap.uri;
    if (!wrap.key_id.empty()) list += fmt::format(" (id {})", wrap.key_id);
  }
  return list;
}

// The root key from a wrap that belongs to this master key.
Result<OpenedWrap> OpenOwnWrap(MasterKeyProvider& master, const KeyDictionaryHeader& header) {
  std::optional<Error> failure;
  for (size_t i = 0; i < header.wraps.size(); ++i) {
    if (!master.Owns(header.wraps[i])) continue;
    auto root_key = master.UnwrapRootKey(header.wraps[i], header.store_id);
    if (root_key) return OpenedWrap{std::move(*root_key), i};
    failure = std::move(root_key.error());
  }
  if (failure) return std::unexpected(std::move(*failure));
  return Fail(ErrorCode::kWrongKey, fmt::format("master key {} does not open this store: it was wrapped by {}",
                                                master.Describe(), ListWraps(header)));
}

bool AreOneFile(const std::string& a, const std::string& b) {
  if (a == b) return true;
  struct stat first, second;
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// A previous key that is the configured one helps nobody: whoever wrote that meant another. Reads no key.
Status RefuseSameFile(const EncryptionConfig& config) {
  using Type = MasterKeyConfig::Type;
  const auto& master = config.master_key;
  const auto& previous = config.previous_master_key;
  if (!previous || master->type != Type::kFile || previous->type != Type::kFile) return {};
  if (!AreOneFile(master->path, previous->path)) return {};
  return Fail(ErrorCode::kBadConfig,
              fmt::format("previous-master-key {} equals master-key {}: they are one file, expected the key that was "
                          "used before",
                          previous->path, master->path));
}

// True if both are the same key: then one owns what the other wraps.
Result<bool> AreOneKey(MasterKeyProvider& master, MasterKeyProvider& previous, const StoreId& store_id) {
  if (!master.IsSecure() || !previous.IsSecure()) return false;
  const SecretBytes any = TRY(RandomSecret(kRootKeyBytes));
  return master.Owns(TRY(previous.WrapRootKey(any, store_id)));
}

// The previous master key's turn, after `failure` of the configured one.
Result<OpenedWrap> OpenByPrevious(const MasterKeyConfig& previous, const KeyDictionaryHeader& header,
                                  const std::string& backing_dir, MasterKeyProvider& configured, const Error& failure) {
  auto master = OpenMasterKey(previous, backing_dir);
  if (master && TRY(AreOneKey(configured, **master, header.store_id))) {
    return Fail(
        ErrorCode::kBadConfig,
        fmt::format("previous-master-key {} equals master-key {}: they hold the same key, expected the key that "
                    "was used before; and it does not open this store: {}",
                    (*master)->Describe(), configured.Describe(), failure.Text()));
  }
  auto opened = master ? OpenOwnWrap(**master, header) : std::unexpected(std::move(master).error());
  if (opened) return opened;
  return Fail(failure.code,
              fmt::format("both master keys failed: {}; previous: {}", failure.Text(), opened.error().Text()));
}

Result<UnlockedStore> UnlockByConfig(const KeyDictionaryHeader& header, const EncryptionConfig& config,
                                     const std::string& backing_dir) {
  TRY(RefuseSameFile(config));
  UnlockedStore store;
  store.master = TRY(OpenMasterKey(*config.master_key, backing_dir));
  auto opened = OpenOwnWrap(*store.master, header);
  if (!opened && config.previous_master_key) {
    opened = OpenByPrevious(*config.previous_master_key, header, backing_dir, *store.master, opened.error());
    store.by_previous_master_key = opened.has_value();
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  store.root_key = std::move(opened->root_key);
  store.opened_wrap = opened->index;
  return store;
}

Result<UnlockedStore> UnlockByWrap(const KeyDictionaryHeader& header, size_t index, const std::string& backing_dir) {
  const Wrap& wrap = header.wraps[index];
  const auto config = MasterKeyFromWrap(wrap);
  if (!config) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("the store's wrap {} of provider {} is not one this build opens", wrap.uri, wrap.provider));
  }
  UnlockedStore store;
  store.master = TRY(OpenMasterKey(*config, backing_dir));
  store.root_key = TRY(store.master->UnwrapRootKey(wrap, header.store_id));
  store.opened_wrap = index;
  return store;
}

Result<UnlockedStore> UnlockByOwnWraps(const KeyDictionaryHeader& header, const std::string& backing_dir) {
  std::optional<Error> failure;
  for (size_t i = 0; i < header.wraps.size(); ++i) {
    auto store = UnlockByWrap(header, i, backing_dir);
    if (store) return store;
    if (failure) {
      failure->message += "; " + store.error().Text();
    } else {
      failure = std::move(store.error());
    }
  }
  return std::unexpected(std::move(*failure));
}

}  // namespace

Result<UnlockedStore> UnlockStore(ByteView key_dictionary, const EncryptionConfig& config,
                                  const std::string& backing_dir) {
  const KeyDictionaryHeader header = TRY(DecodeKeyDictionaryHeader(key_dictionary));
  UnlockedStore store =
      TRY(config.master_key ? UnlockByConfig(header, config, backing_dir) : UnlockByOwnWraps(header, backing_dir));
  auto dictionary = DecodeKeyDictionary(key_dictionary, store.root_key);
  if (!dictionary && dictionary.error().code == ErrorCode::kWrongKey) {
    // The wrap opened, so the key is right and the bytes are not.
    return Fail(ErrorCode::kCorrupt,
                fmt::format("key dictionary: its root key opens with master key {}, but its header "
                            "and payload (bytes 0 to {}) do not verify: it was changed",
                            store.master->Describe(), key_dictionary.size() - 1));
  }
  store.dictionary = TRY(std::move(dictionary));
  return store;
}

Result<Wrap> WrapAndTest(MasterKeyProvider& master, const SecretBytes& root_key, const StoreId& store_id) {
  Wrap wrap = TRY(master.WrapRootKey(root_key, store_id));
  const SecretBytes opened = TRY(master.UnwrapRootKey(wrap, store_id));
  if (!SecretsEqual(opened.view(), root_key.view())) {
    return Fail(ErrorCode::kCrypto, fmt::format("master key {}: a new wrap opens to another key", master.Describe()));
  }
  return wrap;
}

Status FollowMasterKey(int store_dir_fd, UnlockedStore& store) {
  const bool was_plaintext = std::ranges::any_of(store.dictionary.header.wraps, IsPlaintext);
  const bool is_secure = store.master->IsSecure();
  const bool needs_new_root_key = was_plaintext && is_secure;
  if (!store.by_previous_master_key && !needs_new_root_key) return {};

  KeyDictionary changed = store.dictionary.Clone();
  SecretBytes root_key = needs_new_root_key ? TRY(RandomSecret(kRootKeyBytes)) : store.root_key.Clone();
  Wrap wrap = TRY(WrapAndTest(*store.master, root_key, changed.header.store_id));
  std::vector<Wrap>& wraps = changed.header.wraps;
  if (needs_new_root_key) {
    wraps.clear();
  } else {
    wraps.erase(wraps.begin() + static_cast<std::ptrdiff_t>(store.opened_wrap));
    std::erase_if(wraps, [&](const Wrap& old) { return store.master->Owns(old); });
  }
  wraps.insert(wraps.begin(), std::move(wrap));
  if (was_plaintext || !is_secure) {
    for (auto& [id, key] : changed.keys) key.exposed = true;
  }
  TRY(SaveKeyDictionary(store_dir_fd, changed, root_key));
  Log(LogLevel::kInfo, "key dictionary: the root key is wrapped anew by master key {}{}", store.master->Describe(),
      needs_new_root_key ? "; it is a new one, since the old was stored in plaintext" : "");
  store.dictionary = std::move(changed);
  store.root_key = std::move(root_key);
  store.opened_wrap = 0;
  store.by_previous_master_key = false;
  return {};
}

}  // namespace tdefs
