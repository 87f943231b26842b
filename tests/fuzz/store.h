// A store for fuzz targets, in memory where that is possible; a master key lies beside it. Reset makes it new again for
// the cost of three small files.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/file_io.h"
#include "keys/file_dictionary.h"
#include "keys/key_file.h"
#include "keys/key_manager.h"
#include "keys/store_directory.h"
#include "tests/fuzz/directory.h"

namespace tdefs {

class FuzzStore {
 public:
  FuzzStore() {
    encryption_.master_key = MasterKeyConfig{MasterKeyConfig::Type::kFile, directory_.path() + "/key"};
    if (!CreateKeyFile(encryption_.master_key->path) || !std::filesystem::create_directory(backing())) ::abort();
    if (!KeyManager::InitStore(backing(), encryption_)) ::abort();
    for (Image& image : images_) image.content = *ReadFileAt(AT_FDCWD, InStore(image.name), kImageBytesMax);
  }

  std::string backing() const { return directory_.path() + "/backing"; }

  // Requires: the store is not open.
  void Reset() {
    std::filesystem::remove_all(backing());
    if (::mkdir(backing().c_str(), 0755) != 0 || ::mkdir(InStore("").c_str(), 0700) != 0) ::abort();
    for (const Image& image : images_) {
      UniqueFd file(::open(InStore(image.name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      if (!file || !WriteAt(file.get(), image.content, 0)) ::abort();
    }
  }

  std::unique_ptr<KeyManager> Open(KeyManager::Access access) {
    auto keys = KeyManager::Open(backing(), encryption_, 3'600'000, access);
    if (!keys) ::abort();
    return *std::move(keys);
  }

 private:
  static constexpr size_t kImageBytesMax = 1 << 16;
  struct Image {
    const char* name;
    Bytes content;
  };
  std::string InStore(const char* name) const { return backing() + "/" + kStoreDirName + "/" + name; }

  FuzzDirectory directory_;
  EncryptionConfig encryption_;
  Image images_[3] = {{kLockName, {}}, {kKeyDictionaryName, {}}, {kFileDictionaryName, {}}};
};

}  // namespace tdefs
