// Fuzz target of the file dictionary's parsers. The first byte chooses how deep the rest goes:
//   0  the rest is the whole file.dict
//   1  the rest follows a valid header
//   2  the rest is the body of a record that verifies, so that the decoding behind the tag is reached as well
// Whatever it is, opening never crashes, and what opens can be listed, compacted and opened again with the same
// content. A unit test (log_fuzz_corpus_test) calls the same function for each file of
// tests/fuzz/corpus/file_dictionary.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/file_io.h"
#include "base/unique_fd.h"
#include "keys/file_dictionary.h"
#include "keys/log_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

constexpr StoreId kStore{};

FileDictionary::Options Options(bool read_only) {
  FileDictionary::Options options;
  options.store_id = kStore;
  options.dictionary_key = SecretBytes(32);
  options.read_only = read_only;
  options.flush_interval_ms = 3'600'000;
  return options;
}

// A directory that lives as long as the process.
class Directory {
 public:
  Directory() {
    const char* base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp";
    path_ = std::string(base) + "/tdefs-fuzz-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) ::abort();
    fd_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Directory() {
    ::unlinkat(fd(), kFileDictionaryName, 0);
    ::rmdir(path_.c_str());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  int fd() const { return fd_.get(); }

 private:
  std::string path_;
  UniqueFd fd_;
};

void Append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Bytes MakeLog(uint8_t depth, ByteView rest) {
  Bytes log;
  const Bytes key(32);
  const LogHeader header{.store_id = kStore, .generation = 1, .salt = {}};
  if (depth > 0) Append(log, *EncodeLogHeader(header, key));
  if (depth < 2 || rest.empty() || rest.size() > kLogBodyBytesMax) {
    Append(log, rest);
    return log;
  }
  Bytes record;
  auto cipher = LogCipher::Create(header, key);
  if (!cipher || !cipher->Seal(0, 0, rest, record)) ::abort();
  Append(log, record);
  return log;
}

std::map<std::string, uint64_t> Content(const FileDictionary& dictionary) {
  std::map<std::string, uint64_t> content;
  dictionary.ForEach([&](const std::string& path, RecordId, const FileRecord& record, bool) {
    if (!content.emplace(path, record.key_id).second) ::abort();  // one path twice
    return true;
  });
  return content;
}

void Open(int dir_fd) {
  auto reading = FileDictionary::Open(dir_fd, Options(true));
  auto writing = FileDictionary::Open(dir_fd, Options(false));
  if (reading.has_value() != writing.has_value()) ::abort();
  if (!writing) return;
  const auto content = Content(**writing);
  if (Content(**reading) != content) ::abort();
  if (!(*writing)->Compact()) ::abort();
  writing->reset();
  auto again = FileDictionary::Open(dir_fd, Options(true));
  if (!again || Content(**again) != content) ::abort();
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  static const Directory directory;
  if (size == 0) return 0;
  const Bytes log = MakeLog(data[0] % 3, std::as_bytes(std::span(data + 1, size - 1)));
  UniqueFd file(::openat(directory.fd(), kFileDictionaryName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || !WriteAt(file.get(), log, 0)) ::abort();
  Open(directory.fd());
  return 0;
}
