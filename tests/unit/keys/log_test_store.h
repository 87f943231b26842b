// A store directory of its own for each test of the file dictionary, and its file.dict as bytes.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/file_io.h"
#include "base/unique_fd.h"
#include "keys/file_dictionary.h"
#include "keys/log_change.h"
#include "keys/log_format.h"

namespace tdefs {

class TestStore {
 public:
  TestStore() {
    char name[] = "/var/tmp/tdefs-dictionary-XXXXXX";
    if (::mkdtemp(name) == nullptr) ADD_FAILURE() << "mkdtemp";
    path_ = name;
    fd_ = UniqueFd(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~TestStore() {
    for (const auto& [name, content] : Files()) ::unlinkat(fd(), name.c_str(), 0);
    ::rmdir(path_.c_str());
  }
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;

  int fd() const { return fd_.get(); }

  static StoreId Id() { return StoreId{std::byte{0x11}, std::byte{0x22}}; }
  static Bytes Key() { return Bytes(32, std::byte{0x5a}); }
  static FileDictionary::Options Options() {
    FileDictionary::Options options;
    options.store_id = Id();
    options.dictionary_key = SecretBytes(Key());
    options.flush_interval_ms = 3'600'000;  // only flushes that are asked for
    return options;
  }
  static FileDictionary::Options ReadOnly() {
    FileDictionary::Options options = Options();
    options.read_only = true;
    return options;
  }
  void Create() const { ASSERT_TRUE(FileDictionary::Create(fd(), Options())); }
  std::unique_ptr<FileDictionary> Open(FileDictionary::Options options = Options()) const {
    auto opened = FileDictionary::Open(fd(), std::move(options));
    if (!opened) {
      ADD_FAILURE() << opened.error().Text();
      return nullptr;
    }
    return *std::move(opened);
  }
  Error OpenError(FileDictionary::Options options = Options()) const {
    auto opened = FileDictionary::Open(fd(), std::move(options));
    if (!opened) return opened.error();
    ADD_FAILURE() << "it opened";
    return {};
  }

  Bytes Read() const { return *ReadFileAt(fd(), kFileDictionaryName, size_t{1} << 30); }
  void Write(ByteView content) const {
    UniqueFd out(::openat(fd(), kFileDictionaryName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_TRUE(out && WriteAt(out.get(), content, 0));
  }
  // Name and content of every file in the directory.
  std::map<std::string, Bytes> Files() const {
    std::map<std::string, Bytes> files;
    DIR* dir = ::opendir(path_.c_str());
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") files[name] = ReadFileAt(fd(), name, size_t{1} << 30).value_or(Bytes{});
    }
    ::closedir(dir);
    return files;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

// A record that differs for each number.
inline FileRecord TestRecord(uint64_t number) {
  FileRecord record{.method = Method::kAes256Ctr, .key_id = number + 1, .iv = {}};
  StoreBigEndian(number, record.iv.data());
  return record;
}

using PathMap = std::map<std::string, FileRecord>;

inline PathMap Content(const FileDictionary& dictionary) {
  PathMap content;
  dictionary.ForEach([&](const std::string& path, RecordId, const FileRecord& record, bool) {
    EXPECT_TRUE(content.emplace(path, record).second) << path;
    return true;
  });
  return content;
}

// Inserts by path; its directories are entered and left.
inline Result<FileDictionary::Change> InsertPath(FileDictionary& dictionary, std::string_view path,
                                                 const FileRecord& record) {
  std::vector<DirId> entered;
  DirId dir = FileTree::kRoot;
  size_t start = 1;
  for (size_t end = path.find('/', start); end != std::string_view::npos; end = path.find('/', start)) {
    dir = dictionary.Enter(dir, path.substr(start, end - start));
    entered.push_back(dir);
    start = end + 1;
  }
  auto inserted = dictionary.Insert(dir, path.substr(start), record);
  if (inserted) dictionary.Unpin(inserted->record);
  while (!entered.empty()) {
    dictionary.Leave(entered.back());
    entered.pop_back();
  }
  return inserted;
}

// A log made by hand: header and records with any numbers and bodies.
class LogBuilder {
 public:
  explicit LogBuilder(const StoreId& id = TestStore::Id(), uint64_t generation = 1)
      : header_(*NewLogHeader(id, generation)), cipher_(*LogCipher::Create(header_, TestStore::Key())) {
    const auto encoded = *EncodeLogHeader(header_, TestStore::Key());
    bytes_.assign(encoded.begin(), encoded.end());
  }
  // Appends a record; returns where it begins.
  size_t Add(uint32_t number, ByteView body, uint32_t durable = 0) {
    const size_t start = bytes_.size();
    Bytes record;
    EXPECT_TRUE(cipher_.Seal(number, durable, body, record));
    bytes_.insert(bytes_.end(), record.begin(), record.end());
    return start;
  }
  size_t AddInsert(uint32_t number, std::string_view path, uint32_t durable = 0) {
    ByteWriter body;
    EncodeLogChange({.kind = LogChangeKind::kInsert, .path = path, .record = TestRecord(number)}, body);
    return Add(number, body.bytes(), durable);
  }
  Bytes& bytes() { return bytes_; }

 private:
  LogHeader header_;
  LogCipher cipher_;
  Bytes bytes_;
};

}  // namespace tdefs
