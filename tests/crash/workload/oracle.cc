#include "tests/crash/workload/oracle.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/file_io.h"
#include "tests/crash/workload/codec.h"

namespace tdefs::crash {
namespace {

constexpr std::string_view kMagic = "tdefs crash oracle 1";
constexpr size_t kOracleBytesMax = 1U << 30;

bool Complain(const std::string& path, const std::string& what) {
  fmt::print(stderr, "error: oracle {}: {}\n", path, what);
  return false;
}

void SaveThread(const ThreadModel& thread, ByteWriter& out) {
  for (uint32_t number : {thread.number, thread.next_object, thread.next_version}) out.Put(number);
  thread.names.Save(out);
  out.Put(static_cast<uint32_t>(thread.files.size()));
  for (const auto& [id, content] : thread.files) {
    out.Put(id);
    content.Save(out);
  }
}

bool LoadThread(ByteReader& in, ThreadModel& thread) {
  uint32_t files = 0;
  if (!GetNumber(in, thread.number) || !GetNumber(in, thread.next_object) || !GetNumber(in, thread.next_version) ||
      !thread.names.Load(in) || !GetNumber(in, files)) {
    return false;
  }
  for (uint32_t at = 0; at < files; ++at) {
    ObjectId id = 0;
    if (!GetNumber(in, id) || !thread.files[id].Load(in)) return false;
  }
  return true;
}

}  // namespace

bool SaveOracle(const Oracle& oracle, const std::string& path) {
  ByteWriter out;
  PutText(out, kMagic);
  out.Put(static_cast<uint8_t>(oracle.stage));
  out.Put(static_cast<uint8_t>(oracle.after_kill));
  out.Put(static_cast<uint32_t>(oracle.threads.size()));
  for (const ThreadModel& thread : oracle.threads) SaveThread(thread, out);
  auto file = OpenAt(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return Complain(path, file.error().Text());
  Status written = WriteAt(file->get(), out.bytes(), 0);
  return written || Complain(path, written.error().Text());
}

bool LoadOracle(const std::string& path, Oracle& oracle) {
  auto bytes = ReadFileAt(AT_FDCWD, path, kOracleBytesMax);
  if (!bytes) return Complain(path, bytes.error().Text());
  ByteReader in(*bytes);
  std::string magic;
  uint8_t stage = 0, after_kill = 0;
  uint32_t threads = 0;
  bool read = GetText(in, magic) && magic == kMagic && GetNumber(in, stage) && GetNumber(in, after_kill) &&
              GetNumber(in, threads);
  for (uint32_t at = 0; read && at < threads; ++at) read = LoadThread(in, oracle.threads.emplace_back());
  oracle.stage = stage == 0 ? Oracle::Stage::kComplete : Oracle::Stage::kDied;
  oracle.after_kill = after_kill != 0;
  return (read && in.remaining() == 0) || Complain(path, "not whole");
}

}  // namespace tdefs::crash
