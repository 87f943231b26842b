#include "tests/unit/keys/temp_store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/require.h"
#include "base/unique_fd.h"
#include "keys/key_dictionary_file.h"
#include "keys/key_file.h"
#include "keys/store_unlock.h"

namespace tdefs {

TempDir::TempDir() : path_("/var/tmp/tdefs-test-XXXXXX") {
  Require(::mkdtemp(path_.data()) != nullptr, "a scratch directory can be made");
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteTextFile(const std::string& path, std::string_view content, unsigned mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  Require(::chmod(path.c_str(), mode) == 0, "a test file can be written");
}

std::string ReadTextFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> Snapshot(const std::string& dir) {
  std::map<std::string, std::string> snapshot;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    struct stat attributes;
    Require(::lstat(entry.path().c_str(), &attributes) == 0, "a test file can be examined");
    snapshot[entry.path()] = fmt::format(
        "{:o} {} mtime {}.{} ctime {}.{} {}", attributes.st_mode, attributes.st_size, attributes.st_mtim.tv_sec,
        attributes.st_mtim.tv_nsec, attributes.st_ctim.tv_sec, attributes.st_ctim.tv_nsec,
        entry.is_regular_file() && !entry.is_symlink() ? ReadTextFile(entry.path()) : "");
  }
  return snapshot;
}

TempStore::TempStore() : backing_(dir_ / "backing") {
  Require(::mkdir(backing_.c_str(), 0755) == 0, "a backing directory can be made");
}

std::string TempStore::KeyFile(std::string_view name) {
  std::string path = dir_ / name;
  if (!std::filesystem::exists(path)) Require(CreateKeyFile(path).has_value(), "a key file can be made");
  return path;
}

EncryptionConfig TempStore::WithKey(std::string_view name) {
  EncryptionConfig config;
  config.master_key = {.type = MasterKeyConfig::Type::kFile, .path = KeyFile(name)};
  return config;
}

EncryptionConfig TempStore::WithKeys(std::string_view name, std::string_view previous) {
  EncryptionConfig config = WithKey(name);
  config.previous_master_key = {.type = MasterKeyConfig::Type::kFile, .path = KeyFile(previous)};
  return config;
}

void TempStore::EditKeyDictionary(std::string_view name, const std::function<void(KeyDictionary&)>& edit) {
  UniqueFd store_dir(::open(dir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto encoded = ReadKeyDictionaryFile(store_dir.get());
  Require(encoded.has_value(), "key.dict can be read");
  auto store = UnlockStore(*encoded, WithKey(name), backing_);
  Require(store.has_value(), "key.dict can be opened");
  edit(store->dictionary);
  Require(SaveKeyDictionary(store_dir.get(), store->dictionary, store->root_key).has_value(), "key.dict can be saved");
}

KeyDictionary TempStore::ReadKeyDictionary(const EncryptionConfig& config) {
  UniqueFd store_dir(::open(dir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto encoded = ReadKeyDictionaryFile(store_dir.get());
  Require(encoded.has_value(), "key.dict can be read");
  auto store = UnlockStore(*encoded, config, backing_);
  Require(store.has_value(), "key.dict can be opened");
  return std::move(store->dictionary);
}

}  // namespace tdefs
