// A scratch directory with key files and a store in it, and looks at its bytes, for the tests of keys/ and fs/.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "config/config.h"
#include "keys/key_dictionary.h"

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

}  // namespace tdefs
