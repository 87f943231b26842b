// A scratch directory with key files and a store in it, and looks at its bytes, for the tests of keys/ and fs/ (all in
// the header, since each folder has a test program of its own).
#pragma once

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/require.h"
#include "base/unique_fd.h"
#include "config/config.h"
#include "keys/key_dictionary.h"
#include "keys/key_dictionary_file.h"
#include "keys/key_file.h"
#include "keys/store_unlock.h"

namespace tdefs {

// A fresh directory under /var/tmp, removed with all it holds.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// Aborts the test program on an error; `mode` is set whatever the umask.
void WriteTextFile(const std::string& path, std::string_view content, unsigned mode = 0600);
std::string ReadTextFile(const std::string& path);

// What a directory tree holds: for each path below it mode, size, times and content, as one comparable text.
std::map<std::string, std::string> Snapshot(const std::string& dir);

// A scratch directory that holds `backing` and key files beside it.
class TempStore {
 public:
  TempStore();

  const std::string& backing() const { return backing_; }
  std::string dir() const { return backing_ + "/.tdefs"; }
  std::string KeyDictPath() const { return dir() + "/key.dict"; }
  std::string FileDictPath() const { return dir() + "/file.dict"; }
  // The path of a key file of this name, made at the first call.
  std::string KeyFile(std::string_view name);

  // Configurations: master key file `name` (made if absent), method of the store.
  EncryptionConfig WithKey(std::string_view name);
  EncryptionConfig WithKeys(std::string_view name, std::string_view previous);

  // Rewrites key.dict through its own code, as the master key file `name` opens it. Requires: nobody has it open.
  void EditKeyDictionary(std::string_view name, const std::function<void(KeyDictionary&)>& edit);
  KeyDictionary ReadKeyDictionary(const EncryptionConfig& config);

 private:
  TempDir dir_;
  std::string backing_;
};

// ------------------------------------------------------------------------------------------------ definitions

inline TempDir::TempDir() : path_("/var/tmp/tdefs-test-XXXXXX") {
  Require(::mkdtemp(path_.data()) != nullptr, "a scratch directory can be made");
}

inline TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

inline void WriteTextFile(const std::string& path, std::string_view content, unsigned mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  Require(::chmod(path.c_str(), mode) == 0, "a test file can be written");
}

inline std::string ReadTextFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::map<std::string, std::string> Snapshot(const std::string& dir) {
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

inline TempStore::TempStore() : backing_(dir_ / "backing") {
  Require(::mkdir(backing_.c_str(), 0755) == 0, "a backing directory can be made");
}

inline std::string TempStore::KeyFile(std::string_view name) {
  std::string path = dir_ / name;
  if (!std::filesystem::exists(path)) Require(CreateKeyFile(path).has_value(), "a key file can be made");
  return path;
}

inline EncryptionConfig TempStore::WithKey(std::string_view name) {
  EncryptionConfig config;
  config.master_key = {.type = MasterKeyConfig::Type::kFile, .path = KeyFile(name)};
  return config;
}

inline EncryptionConfig TempStore::WithKeys(std::string_view name, std::string_view previous) {
  EncryptionConfig config = WithKey(name);
  config.previous_master_key = {.type = MasterKeyConfig::Type::kFile, .path = KeyFile(previous)};
  return config;
}

inline void TempStore::EditKeyDictionary(std::string_view name, const std::function<void(KeyDictionary&)>& edit) {
  UniqueFd store_dir(::open(dir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto encoded = ReadKeyDictionaryFile(store_dir.get());
  Require(encoded.has_value(), "key.dict can be read");
  auto store = UnlockStore(*encoded, WithKey(name), backing_);
  Require(store.has_value(), "key.dict can be opened");
  edit(store->dictionary);
  Require(SaveKeyDictionary(store_dir.get(), store->dictionary, store->root_key).has_value(), "key.dict can be saved");
}

inline KeyDictionary TempStore::ReadKeyDictionary(const EncryptionConfig& config) {
  UniqueFd store_dir(::open(dir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto encoded = ReadKeyDictionaryFile(store_dir.get());
  Require(encoded.has_value(), "key.dict can be read");
  auto store = UnlockStore(*encoded, config, backing_);
  Require(store.has_value(), "key.dict can be opened");
  return std::move(store->dictionary);
}

}  // namespace tdefs
