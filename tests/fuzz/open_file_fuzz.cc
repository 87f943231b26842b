// Fuzz target of OpenFile: the first byte is the method, then each six bytes are one operation on the file and on a
// byte array, which is the truth: what, offset (2), length (2), fill. After each of them the whole file equals the
// array.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "crypto/zero_units.h"
#include "fs/open_file.h"
#include "tests/fuzz/must.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

constexpr uint64_t kOffsetMax = 3 * 4096 + 100;
constexpr uint64_t kLengthMax = 6000;
constexpr size_t kOperationsMax = 100;

// On a real filesystem: the one in memory cannot zero ranges.
UniqueFd NewFile() {
  char path[] = "/var/tmp/tdefs-fuzz-XXXXXX";
  UniqueFd fd(::mkostemp(path, O_CLOEXEC));
  Must(static_cast<bool>(fd) && ::unlink(path) == 0);
  return fd;
}

class Session {
 public:
  Session(int backing_fd, Method method) : backing_fd_(backing_fd), key_(MakeKey(method, 0x11)) {
    Must(::ftruncate(backing_fd, 0) == 0);
    Reopen();
  }

  void Step(uint8_t what, uint64_t offset, uint64_t length, std::byte fill) {
    const bool direct = (what & 0x80) != 0;
    switch (what % 10) {
      case 0:
        return Resize(offset);
      case 1:
        return Zero(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
      case 2:
        return Zero(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
      case 3:
        return Zero(FALLOC_FL_ZERO_RANGE, offset, length);
      case 4:
        return Zero(0, offset, length);
      case 5:
        return Read(offset, length, direct);
      case 6:
        return SeekData(offset);
      case 7:
        return Reopen();
      case 8:
        return Empty(fill);
      default:
        return Write(offset, length, fill, direct);
    }
  }
  void CheckWhole() { Read(0, content_.size() + 1, false); }

 private:
  static ContentKey MakeKey(Method method, uint8_t iv) {
    ContentKey key;
    key.record.method = method;
    if (method == Method::kPlaintext) return key;
    key.record.iv.fill(static_cast<std::byte>(iv));
    const SecretBytes secret(MethodKeyBytes(method));
    auto cipher = ContentCipher::Create(method, secret.view());
    Must(cipher.has_value());
    key.cipher = *std::move(cipher);
    return key;
  }

  void Reopen() {
    auto file = OpenFile::Create(UniqueFd(::dup(backing_fd_)), true, key_, statistics_);
    Must(file.has_value());
    file_ = *std::move(file);
    Must(file_->size_bytes() == content_.size());
  }
  void Resize(uint64_t size) {
    Must(file_->Resize(size).has_value());
    content_.resize(size);
  }
  void Empty(std::byte fill) {
    ContentKey key = MakeKey(key_.record.method, static_cast<uint8_t>(fill));
    Must(file_->Empty(key, [] { return Status(); }).has_value());
    key_ = std::move(key);
    content_.clear();
  }
  void Write(uint64_t offset, uint64_t length, std::byte fill, bool direct) {
    Bytes data(length, fill);
    // Not all alike, unless all zero: those are stored in another way.
    if (fill != std::byte{0}) data.front() = static_cast<std::byte>(length);
    if (offset + length > content_.size()) content_.resize(offset + length);
    std::ranges::copy(data, content_.begin() + static_cast<ptrdiff_t>(offset));
    const auto written = file_->Write(offset, data, direct);
    Must(written && *written == length);
  }
  void Zero(int mode, uint64_t offset, uint64_t length) {
    Must(file_->Allocate(mode, offset, length).has_value());
    const uint64_t end = offset + length;
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > content_.size()) content_.resize(end);
    if (mode == 0) return;
    for (uint64_t at = offset; at < std::min<uint64_t>(end, content_.size()); ++at) content_[at] = {};
  }
  void Read(uint64_t offset, uint64_t length, bool direct) {
    const auto found = file_->Read(offset, length, direct, buffer_);
    const uint64_t begin = std::min<uint64_t>(offset, content_.size());
    const uint64_t end = std::min<uint64_t>(offset + length, content_.size());
    Must(found && std::ranges::equal(*found, ByteView(content_).subspan(begin, end - begin)));
  }
  // No content lies before the data that a program is told of.
  void SeekData(uint64_t offset) {
    const auto found = file_->Seek(offset, SEEK_DATA);
    Must(found.has_value() ? *found >= offset : found.error().sys_errno == ENXIO);
    const uint64_t begin = std::min<uint64_t>(offset, content_.size());
    const uint64_t end = std::min<uint64_t>(found.value_or(content_.size()), content_.size());
    Must(IsZero(ByteView(content_).subspan(begin, end - begin)));
  }

  const int backing_fd_;
  ContentKey key_;
  VolumeStatistics statistics_;
  std::shared_ptr<OpenFile> file_;
  Bytes content_;
  IoBuffer buffer_;
};

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  static const UniqueFd backing = NewFile();
  ByteReader input(std::as_bytes(std::span(data, size)));
  const auto method = input.Get<uint8_t>();
  if (!method) return 0;
  Session session(backing.get(), kAllMethods[*method % kAllMethods.size()]);
  for (size_t done = 0; done < kOperationsMax && input.remaining() >= 6; ++done) {
    const auto what = *input.Get<uint8_t>();
    const uint64_t offset = *input.Get<uint16_t>() % kOffsetMax;
    const uint64_t length = 1 + *input.Get<uint16_t>() % kLengthMax;
    session.Step(what, offset, length, static_cast<std::byte>(*input.Get<uint8_t>()));
    session.CheckWhole();
  }
  return 0;
}
