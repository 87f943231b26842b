// Fuzz target of the file dictionary's parsers. The first byte chooses how deep the rest goes:
//   0  the rest is the whole file.dict
//   1  the rest follows a valid header
//   2  the rest is the body of a record that verifies, so that the decoding behind the tag is reached as well
// Whatever it is, opening never crashes, and what opens can be listed, compacted and opened again with the same
// content.
#include <fcntl.h>
#include <stdlib.h>

#include <map>
#include <string>

#include "base/file_io.h"
#include "keys/file_dictionary.h"
#include "keys/log_format.h"
#include "tests/fuzz/directory.h"

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
  static const FuzzDirectory directory;
  if (size == 0) return 0;
  const Bytes log = MakeLog(data[0] % 3, std::as_bytes(std::span(data + 1, size - 1)));
  UniqueFd file(::openat(directory.fd(), kFileDictionaryName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || !WriteAt(file.get(), log, 0)) ::abort();
  Open(directory.fd());
  return 0;
}
