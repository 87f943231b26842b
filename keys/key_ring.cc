#include "keys/key_ring.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "keys/key_dictionary_file.h"

namespace tdefs {
namespace {

DataKeyInfo InfoOf(const DataKey& key, DataKeyId current) {
  return {.id = key.id,
          .method = key.method,
          .created_unix_s = key.created_unix_s,
          .current = key.id == current,
          .exposed = key.exposed};
}

Status CheckMethodMatches(const FileRecord& record, Method key_method) {
  if (record.method == key_method) return {};
  return Fail(ErrorCode::kTampered, fmt::format("file record: method {} with data key {}, which is of method {}",
                                                MethodName(record.method), record.key_id, MethodName(key_method)));
}

}  // namespace

KeyRing::KeyRing(int store_dir_fd, KeyDictionary dictionary, SecretBytes root_key)
    : store_dir_fd_(store_dir_fd), root_key_(std::move(root_key)), dictionary_(std::move(dictionary)) {}

DataKeyInfo KeyRing::Current() const {
  std::lock_guard lock(mutex_);
  return InfoOf(dictionary_.current(), dictionary_.current_key_id);
}

bool KeyRing::MasterKeyIsSecure() const {
  std::lock_guard lock(mutex_);
  return std::ranges::none_of(dictionary_.header.wraps, IsPlaintext);
}

Result<std::shared_ptr<const ContentCipher>> KeyRing::CipherFor(const FileRecord& record) {
  if (record.method == Method::kPlaintext) return nullptr;
  std::lock_guard lock(mutex_);
  auto key = dictionary_.keys.find(record.key_id);
  if (key == dictionary_.keys.end()) {
    return Fail(ErrorCode::kDataKeyMissing, fmt::format("data key {} is not in the key dictionary", record.key_id));
  }
  TRY(CheckMethodMatches(record, key->second.method));
  std::shared_ptr<const ContentCipher>& cipher = ciphers_[record.key_id];
  if (!cipher) cipher = TRY(ContentCipher::Create(key->second.method, key->second.key.view()));
  return cipher;
}

Result<DataKeyId> KeyRing::Rotate(std::optional<Method> method) {
  std::lock_guard save_lock(save_mutex_);
  const Method next = method.value_or(dictionary_.current().method);
  TRY(CheckMethodAllowed(next, MasterKeyIsSecure()));
  if (dictionary_.keys.size() >= kDataKeysMax) {
    return Fail(ErrorCode::kLimit, fmt::format("data keys: there are {}, which is the limit; no new one is made",
                                               dictionary_.keys.size()));
  }
  KeyDictionary changed = dictionary_.Clone();
  DataKey key = TRY(MakeDataKey(next, changed.keys));
  const DataKeyId id = key.id;
  key.exposed = !MasterKeyIsSecure();
  changed.keys.emplace(id, std::move(key));
  changed.current_key_id = id;
  TRY(SaveKeyDictionary(store_dir_fd_, changed, root_key_));  // R3: durable, then published
  std::lock_guard lock(mutex_);
  std::swap(dictionary_, changed);
  return id;
}

std::vector<DataKeyInfo> KeyRing::List() const {
  std::lock_guard lock(mutex_);
  std::vector<DataKeyInfo> list;
  for (const auto& [id, key] : dictionary_.keys) list.push_back(InfoOf(key, dictionary_.current_key_id));
  return list;
}

StoreInfo KeyRing::Info() const {
  std::lock_guard lock(mutex_);
  return tdefs::InfoOf(dictionary_.header);
}

}  // namespace tdefs
