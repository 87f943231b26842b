#include "keys/log_writer.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "base/log.h"

namespace tdefs {

LogWriter::LogWriter(UniqueFd fd, LogCipher cipher, uint64_t generation, const FileOps& ops)
    : fd_(std::move(fd)), cipher_(std::move(cipher)), generation_(generation), ops_(ops) {}

Result<std::unique_ptr<LogWriter>> LogWriter::Create(int dir_fd, const std::string& name, const LogHeader& header,
                                                     ByteView dictionary_key, const FileOps& ops) {
  const auto encoded = TRY(EncodeLogHeader(header, dictionary_key));
  UniqueFd fd(Point<"new-log.create", CallKind::kName>().Run(
      [&] { return ::openat(dir_fd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600); }));
  if (!fd) return FailErrno(errno, "open " + name);
  LogCipher cipher = TRY(LogCipher::Create(header, dictionary_key));
  std::unique_ptr<LogWriter> writer(new LogWriter(std::move(fd), std::move(cipher), header.generation, ops));
  TRY(writer->WriteAll(encoded));
  writer->end_bytes_ = kLogHeaderBytes;
  return writer;
}

Result<std::unique_ptr<LogWriter>> LogWriter::Resume(UniqueFd fd, const LogHeader& header, ByteView dictionary_key,
                                                     uint32_t records, uint64_t end_bytes, const FileOps& ops) {
  LogCipher cipher = TRY(LogCipher::Create(header, dictionary_key));
  std::unique_ptr<LogWriter> writer(new LogWriter(std::move(fd), std::move(cipher), header.generation, ops));
  writer->records_ = records;
  writer->end_bytes_ = end_bytes;
  writer->revealed_ = true;
  return writer;
}

Status LogWriter::WriteAll(ByteView bytes) {
  // Until it is revealed the log is one that is being compacted or made.
  const Failpoint& point =
      revealed_ ? Point<"log.append", CallKind::kWrite>() : Point<"new-log.write", CallKind::kWrite>();
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = point.Transfer(bytes.size() - done, [&](size_t size) {
      return ops_.pwrite(fd_.get(), bytes.data() + done, size, static_cast<off_t>(end_bytes_ + done));
    });
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno(errno, "file dictionary: append");
    if (n == 0) return FailErrno(EIO, "file dictionary: append made no progress");
    done += static_cast<size_t>(n);
  }
  return {};
}

Status LogWriter::CutBack() {
  const int cut = Point<"log.cut-back", CallKind::kSize>().Run(
      [&] { return ops_.ftruncate(fd_.get(), static_cast<off_t>(end_bytes_)); });
  if (cut == 0) {
    broken_ = false;
    reserved_to_bytes_ = 0;  // cutting frees what is allocated behind the end
    reserve_at_bytes_ = std::min<uint64_t>(reserve_at_bytes_, end_bytes_);
    return {};
  }
  const int error = errno;
  broken_ = true;
  return FailErrno(error, fmt::format("file dictionary: cut a failed append off at {}", end_bytes_.load()));
}

Status LogWriter::Append(ByteView body) {
  if (broken_) TRY(CutBack());
  if (records_ == kRecordsMax) {
    return Fail(ErrorCode::kLimit, fmt::format("file dictionary: generation {} is full", generation_));
  }
  TRY(cipher_.Seal(records_, revealed_ ? durable_ : records_, body, sealed_));
  if (Status written = WriteAll(sealed_); !written) {
    if (Status cut = CutBack(); !cut) Log(LogLevel::kError, "{}", cut.error().Text());
    return written;
  }
  end_bytes_ += sealed_.size();
  ++records_;
  if (end_bytes_ >= reserve_at_bytes_) Reserve();
  return {};
}

void LogWriter::Reserve() {
  const uint64_t end = end_bytes_;
  reserve_at_bytes_ = end + kReserveStepBytes;
  for (const uint64_t size : {kReservedBytes, kReservedLowBytes + kReserveStepBytes}) {
    const int reserved = Point<"log.reserve", CallKind::kSize>().Run([&] {
      return ops_.fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end), static_cast<off_t>(size));
    });
    disk_is_full_ = reserved != 0 && (errno == ENOSPC || errno == EDQUOT);
    if (reserved == 0) reserved_to_bytes_ = std::max(reserved_to_bytes_, end + size);
    if (!disk_is_full_) return;  // done, or this filesystem cannot
  }
}

Status LogWriter::Sync(uint32_t records) {
  const Failpoint& point = revealed_ ? Point<"log.sync", CallKind::kSync>() : Point<"new-log.sync", CallKind::kSync>();
  if (point.Run([&] { return ops_.fdatasync(fd_.get()); }) != 0) return FailErrno(errno, "file dictionary: fdatasync");
  // Only grows: syncs of several threads may end in any order.
  uint32_t known = durable_;
  while (known < records && !durable_.compare_exchange_weak(known, records)) {
  }
  return {};
}

}  // namespace tdefs
