// LogWriter: one generation of the log, open for appending. A failed append cuts the file back to its last good record;
// where even that fails, appends are refused until cutting succeeds or a compaction has replaced the log (R8).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "keys/log_file_ops.h"
#include "keys/log_format.h"

namespace tdefs {

// Append: one thread at a time. Sync and the counters: any thread, at any time.
class LogWriter {
 public:
  // Makes the file (it must not exist) with a header and no records. `ops` must outlive the writer. Until Reveal() the
  // file counts as out of sight: its records say of all before them that they are durable, because nobody will read the
  // file under its real name before it was synced.
  static Result<std::unique_ptr<LogWriter>> Create(int dir_fd, const std::string& name, const LogHeader& header,
                                                   ByteView dictionary_key, const FileOps& ops);
  // Goes on behind `records` records that end at `end_bytes`, none of which need be durable.
  static Result<std::unique_ptr<LogWriter>> Resume(UniqueFd fd, const LogHeader& header, ByteView dictionary_key,
                                                   uint32_t records, uint64_t end_bytes, const FileOps& ops);

  // Writes one record. Requires: 1 <= body.size() <= kLogBodyBytesMax. kLimit where the generation is full.
  Status Append(ByteView body);
  // Allocates space behind the end, which a full disk cannot take away: removals are to be recorded there too. That
  // there is none is no error; appends try again from time to time.
  void Reserve();
  // True when the disk is full and what is left of the reserve should be kept for removals.
  bool IsLowOnSpace() const { return disk_is_full_ && end_bytes_ + kReservedLowBytes > reserved_to_bytes_; }
  // From now on a record may be found on the disk before it is durable. Requires: Sync(records()) succeeded.
  void Reveal() { revealed_ = true; }
  // Makes the first `records` records durable: to be taken from records() before the call.
  Status Sync(uint32_t records);

  uint32_t records() const { return records_; }
  uint64_t end_bytes() const { return end_bytes_; }
  uint64_t generation() const { return generation_; }
  // True when a failed append could not be cut off, or the generation is nearly full: time for a compaction.
  bool wants_replacement() const { return broken_ || records_ >= kRecordsSoftMax; }

 private:
  static constexpr uint32_t kRecordsSoftMax = 4'000'000'000;
  static constexpr uint32_t kRecordsMax = UINT32_MAX;
  static constexpr uint64_t kReservedBytes = 64 << 10;
  static constexpr uint64_t kReservedLowBytes = 16 << 10;  // some 150 records
  static constexpr uint64_t kReserveStepBytes = 8 << 10;   // of log between two attempts
  LogWriter(UniqueFd fd, LogCipher cipher, uint64_t generation, const FileOps& ops);
  Status WriteAll(ByteView bytes);
  Status CutBack();

  UniqueFd fd_;
  LogCipher cipher_;
  const uint64_t generation_;
  const FileOps& ops_;
  Bytes sealed_;  // reused
  std::atomic<uint64_t> end_bytes_ = 0;
  std::atomic<uint32_t> records_ = 0;
  std::atomic<uint32_t> durable_ = 0;  // records known to be durable
  std::atomic<bool> broken_ = false;
  uint64_t reserve_at_bytes_ = UINT64_MAX;  // end of the log at which Reserve is due again
  uint64_t reserved_to_bytes_ = 0;
  bool disk_is_full_ = false;  // when space was to be reserved last
  bool revealed_ = false;
};

}  // namespace tdefs
