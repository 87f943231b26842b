// Fuzz target of the file dictionary's parsers. The first byte chooses how deep the rest goes:
//   0  the rest is the whole file.dict
//   1  the rest follows a valid header
//   2  the rest is the body of a record that verifies, so that the decoding behind the tag is reached as well
//   3  a log of a few records, then damage to it (see DamagedLog)
//   4  as 2, but by the whole FileDictionary with its files and threads, which is slower
// Whatever it is, reading never crashes, and what can be read is read back the same from a compacted log. Of a damaged
// log nothing is read but records that were written, from the first one on.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "keys/file_dictionary.h"
#include "keys/log_format.h"
#include "keys/log_listing.h"
#include "keys/log_reader.h"
#include "keys/log_replay.h"
#include "tests/fuzz/directory.h"
#include "tests/fuzz/must.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

using Names = std::map<std::string, uint64_t>;  // path → data key id

constexpr StoreId kStore{};
constexpr LogHeader kHeader{.store_id = kStore, .generation = 1, .salt = {}};
constexpr size_t kRecordsMax = 8;
const Bytes kKey(32);

void Append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Bytes Header() {
  static const auto header = EncodeLogHeader(kHeader, kKey);
  Must(header.has_value());
  return Bytes(header->begin(), header->end());
}

// Without what makes bytes durable.
const FileOps& Operations() {
  static const FileOps operations = [] {
    FileOps quick;
    quick.fdatasync = quick.fsync_directory = [](int) { return 0; };
    return quick;
  }();
  return operations;
}

const FuzzDirectory& Directory() {
  static const FuzzDirectory directory;
  return directory;
}

Bytes Log(const std::vector<ByteView>& bodies) {
  Bytes log = Header(), record;
  auto cipher = LogCipher::Create(kHeader, kKey);
  for (uint32_t number = 0; number < bodies.size(); ++number) {
    // A record cannot know of its own durability; of those before it, every second one was.
    Must(cipher && cipher->Seal(number, number / 2, bodies[number], record));
    Append(log, record);
  }
  return log;
}

// Passes each body to `visit` until it fails; false for what is refused, with one line that says where.
template <typename Visit>
bool ReadLog(int fd, uint64_t size, const Visit& visit) {
  auto refused = [](const Error& error) {
    Must(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported);
    Must(error.message.find('\n') == std::string::npos);
    return false;
  };
  auto reader = LogReader::Open(fd, size, kStore, kKey);
  if (!reader) return refused(reader.error());
  for (;;) {
    auto body = reader->Next();
    if (!body) return refused(body.error());
    if (!*body) break;
    if (Status status = visit(**body); !status) return refused(status.error());
  }
  Must(reader->end_bytes() + reader->torn_bytes() == size);
  return true;
}

int FileOf(ByteView log) {
  static const UniqueFd file(::memfd_create("file.dict", MFD_CLOEXEC));
  Must(file && ::ftruncate(file.get(), 0) == 0 && WriteAt(file.get(), log, 0));
  return file.get();
}

template <typename Tree>
Names NamesOf(const Tree& tree) {
  Names names;
  tree.ForEach([&](const std::string& path, RecordId, const FileRecord& record, bool) {
    Must(names.emplace(path, record.key_id).second);  // else one path twice
    return true;
  });
  return names;
}

bool Replay(int fd, uint64_t size, FileTree& tree) {
  LogReplay replay(tree);
  return ReadLog(fd, size, [&](ByteView body) { return replay.Apply(body); });
}

// The names that the log leaves, if it can be read; a listing of them must read the same.
void ReplayAndList(ByteView log) {
  constexpr const char* kName = "listed";
  if (log.empty()) return;
  FileTree tree, again;
  if (!Replay(FileOf(log), log.size(), tree)) return;
  ::unlinkat(Directory().fd(), kName, 0);
  auto writer = LogWriter::Create(Directory().fd(), kName, kHeader, kKey, Operations());
  Must(writer.has_value());
  const std::atomic<bool> stop = false;
  auto snapshot = tree.Freeze();
  Must(WriteLogListing(*snapshot, **writer, stop).has_value());
  tree.Thaw(std::move(snapshot));
  const auto listed = OpenAt(Directory().fd(), kName, O_RDONLY);
  Must(listed && Replay(listed->get(), (*writer)->end_bytes(), again) && NamesOf(again) == NamesOf(tree));
}

void OpenAsDictionary(ByteView log) {
  auto opening = [](bool read_only) {
    FileDictionary::Options options;
    options.store_id = kStore;
    options.dictionary_key = SecretBytes(kKey.size());
    options.read_only = read_only;
    options.flush_interval_ms = 3'600'000;
    options.file_ops = Operations();
    return options;
  };
  const int dir_fd = Directory().fd();
  const UniqueFd file(::openat(dir_fd, kFileDictionaryName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  Must(file && WriteAt(file.get(), log, 0));
  auto reading = FileDictionary::Open(dir_fd, opening(true));
  auto writing = FileDictionary::Open(dir_fd, opening(false));
  Must(reading.has_value() == writing.has_value());
  if (!writing) return;
  const Names names = NamesOf(**writing);
  Must(NamesOf(**reading) == names && (*writing)->Compact());
  writing->reset();
  auto again = FileDictionary::Open(dir_fd, opening(true));
  Must(again && NamesOf(**again) == names);
}

// Up to eight bodies, each behind a byte with its length, and a zero; then damage, four bytes each: what, offset (2),
// value.
struct DamagedLog {
  std::vector<ByteView> bodies;
  Bytes log;
  bool only_cut = true;  // shorter at the end, else whole

  explicit DamagedLog(ByteReader input) {
    for (auto length = input.Get<uint8_t>(); length && *length > 0 && bodies.size() < kRecordsMax;
         length = input.Get<uint8_t>()) {
      const auto body = input.GetBytes(*length);
      if (!body) break;
      bodies.push_back(*body);
    }
    log = Log(bodies);
    while (input.remaining() >= 4) {
      const auto what = *input.Get<uint8_t>();
      const auto offset = *input.Get<uint16_t>();
      Damage(what, offset, static_cast<uint8_t>(*input.Get<uint8_t>()));
    }
  }

  void Damage(uint8_t what, size_t offset, uint8_t value) {
    if (log.size() <= kLogHeaderBytes) return;
    const size_t at = offset % log.size();
    const size_t count = std::min<size_t>(value, log.size() - at);
    const auto begin = log.begin() + static_cast<ptrdiff_t>(at), end = begin + static_cast<ptrdiff_t>(count);
    only_cut = only_cut && what % 6 == 0;
    switch (what % 6) {
      case 0:
        log.resize(std::max(at, kLogHeaderBytes));
        break;
      case 1:
        log[at] ^= static_cast<std::byte>(value);
        break;
      case 2:
        std::fill(begin, end, std::byte{0});
        break;
      case 3:
        log.resize(log.size() + size_t{value} * 64);
        break;
      case 4:
        log.erase(begin, end);
        break;
      default:
        Append(log, Bytes(begin, end));
    }
  }

  void Check() const {
    if (log.empty()) return;
    size_t read = 0;
    const bool whole = ReadLog(FileOf(log), log.size(), [&](ByteView body) -> Status {
      Must(read < bodies.size() && std::ranges::equal(body, bodies[read]));
      ++read;
      return {};
    });
    Must(whole || !only_cut);
    if (log.size() == Log(bodies).size() && only_cut) Must(read == bodies.size());
  }
};

Bytes WithBody(ByteView body) {
  if (!body.empty() && body.size() <= kLogBodyBytesMax) return Log({body});
  Bytes log = Header();
  Append(log, body);
  return log;
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  if (size == 0) return 0;
  const ByteView rest = std::as_bytes(std::span(data + 1, size - 1));
  Bytes log;
  switch (data[0] % 5) {
    case 0:
      ReplayAndList(rest);
      break;
    case 1:
      log = Header();
      Append(log, rest);
      ReplayAndList(log);
      break;
    case 2:
      ReplayAndList(WithBody(rest));
      break;
    case 3:
      DamagedLog(ByteReader(rest)).Check();
      break;
    default:
      OpenAsDictionary(WithBody(rest));
  }
  return 0;
}
