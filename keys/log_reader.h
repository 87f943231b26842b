// LogReader: the records of a log in order, and the decision between a torn tail and damage (rules: keys/log_format.h).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/log_format.h"

namespace tdefs {

// Reads a file from descriptor to end through a window of bounded size; the file is never mapped, since a mapped file
// that shrinks kills the process.
class LogWindow {
 public:
  LogWindow(int fd, uint64_t size_bytes) : fd_(fd), size_(size_bytes) {}
  // The bytes at `offset`, at most `count` and fewer only at the end of the file. Good until the next call.
  Result<ByteView> At(uint64_t offset, size_t count);
  uint64_t size() const { return size_; }

 private:
  int fd_;
  uint64_t size_;
  Bytes buffer_;
  uint64_t start_ = 0;  // file offset of the buffer
};

class LogReader {
 public:
  // Reads the header. `fd` stays the caller's and must outlive the reader. Requires: size_bytes > 0.
  static Result<LogReader> Open(int fd, uint64_t size_bytes, const StoreId& store_id, ByteView dictionary_key);

  // The body of the next record, good until the next call; nothing at the end or at a torn tail. kCorrupt for damage.
  Result<std::optional<ByteView>> Next();

  const LogHeader& header() const { return header_; }
  uint32_t records() const { return next_number_; }    // read so far
  uint64_t end_bytes() const { return offset_; }       // behind the last record read
  uint64_t torn_bytes() const { return torn_bytes_; }  // after Next() returned nothing
  // Where the record that Next() returned last stands, for messages: "record 812 at offset 40960".
  std::string Place() const;

 private:
  LogReader(LogWindow window, LogHeader header, LogCipher cipher);
  // The head of a record that is whole at `offset` and verifies; its body is then in body_.
  Result<std::optional<LogRecordHead>> Verify(uint64_t offset, ByteView head_bytes);
  Status ClassifyTail();
  Status CheckTailStart(ByteView head) const;
  Result<bool> FindUnsyncedRecords();  // true if there are some behind a gap; kCorrupt if any proves damage
  Status CheckTailLength();
  Result<bool> HasZeroSector(uint64_t from, uint64_t to);
  std::unexpected<Error> Damaged(std::string_view found) const;

  LogWindow window_;
  LogHeader header_;
  LogCipher cipher_;
  Bytes body_;
  uint64_t offset_ = kLogHeaderBytes;
  uint64_t last_offset_ = kLogHeaderBytes;
  uint32_t next_number_ = 0;
  uint64_t torn_bytes_ = 0;
};

}  // namespace tdefs
