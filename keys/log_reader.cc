#include "keys/log_reader.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/checked.h"
#include "base/file_io.h"
#include "crypto/content_cipher.h"

namespace tdefs {
namespace {

constexpr size_t kWindowBytes = 4 << 20;
static_assert(kWindowBytes > kLogRecordBytesMax);

// Whether a record could begin with this head, `distance` bytes behind the place of record `expected`.
bool IsPlausible(const LogRecordHead& head, uint32_t expected, uint64_t distance, uint64_t bytes_left) {
  return head.length >= 1 && head.length <= kLogBodyBytesMax && head.record_bytes() <= bytes_left &&
         head.number <= expected + distance / kLogRecordBytesMin + 1 && head.durable <= head.number;
}

}  // namespace

Result<ByteView> LogWindow::At(uint64_t offset, size_t count) {
  if (offset >= size_) return ByteView{};
  count = static_cast<size_t>(std::min<uint64_t>(count, size_ - offset));
  if (offset < start_ || offset + count > start_ + buffer_.size()) {
    buffer_.resize(static_cast<size_t>(std::min<uint64_t>(std::max(kWindowBytes, count), size_ - offset)));
    start_ = offset;
    buffer_.resize(TRY(ReadAt(fd_, buffer_, offset)));
    if (buffer_.size() < count) {
      return FailErrno(EIO, fmt::format("file dictionary: it shrank while it was read, at offset {}", offset));
    }
  }
  return ByteView(buffer_).subspan(static_cast<size_t>(offset - start_), count);
}

LogReader::LogReader(LogWindow window, LogHeader header, LogCipher cipher)
    : window_(std::move(window)), header_(header), cipher_(std::move(cipher)), body_(kLogBodyBytesMax) {}

Result<LogReader> LogReader::Open(int fd, uint64_t size_bytes, const StoreId& store_id, ByteView dictionary_key) {
  LogWindow window(fd, size_bytes);
  const ByteView head = TRY(window.At(0, kLogHeaderBytes));
  const LogHeader header = TRY(DecodeLogHeader(head, store_id, dictionary_key));
  LogCipher cipher = TRY(LogCipher::Create(header, dictionary_key));
  return LogReader(std::move(window), header, std::move(cipher));
}

std::string LogReader::Place() const {
  return fmt::format("file dictionary: record {} at offset {}", next_number_ == 0 ? 0 : next_number_ - 1, last_offset_);
}

std::unexpected<Error> LogReader::Damaged(std::string_view found) const {
  return Fail(ErrorCode::kCorrupt,
              fmt::format("file dictionary: record {} at offset {}: {}", next_number_, offset_, found));
}

Result<std::optional<LogRecordHead>> LogReader::Verify(uint64_t offset, ByteView head_bytes) {
  const LogRecordHead head = LogRecordHead::Decode(head_bytes);
  if (head.length == 0 || head.length > kLogBodyBytesMax || head.record_bytes() > window_.size() - offset) {
    return std::nullopt;
  }
  const ByteView record = TRY(window_.At(offset, head.record_bytes()));
  if (!cipher_.Open(record, ByteSpan(body_).first(head.length))) return std::nullopt;
  return head;
}

Result<std::optional<ByteView>> LogReader::Next() {
  const ByteView head_bytes = TRY(window_.At(offset_, kLogRecordHeadBytes));
  if (head_bytes.empty()) return std::nullopt;
  if (head_bytes.size() == kLogRecordHeadBytes) {
    const std::optional<LogRecordHead> head = TRY(Verify(offset_, head_bytes));
    if (head) {
      if (head->number != next_number_) {
        return Damaged(next_number_ == 0 ? fmt::format("number {}, expected 0", head->number)
                                         : fmt::format("number {} after {}", head->number, next_number_ - 1));
      }
      last_offset_ = offset_;
      offset_ += head->record_bytes();
      ++next_number_;
      return ByteView(body_).first(head->length);
    }
  }
  TRY(ClassifyTail());
  torn_bytes_ = window_.size() - offset_;
  return std::nullopt;
}

Status LogReader::ClassifyTail() {
  const ByteView head = TRY(window_.At(offset_, kLogHeaderBytes));
  TRY(CheckTailStart(head));
  if (TRY(FindUnsyncedRecords())) return {};
  return CheckTailLength();
}

// Rules 1 and 2.
Status LogReader::CheckTailStart(ByteView head) const {
  if (AsText(head).starts_with(kLogMagic)) {
    if (head.size() < kLogHeaderBytes) return Damaged("a second header");
    const ByteView store = head.subspan(16, header_.store_id.size());
    return Damaged(std::ranges::equal(store, header_.store_id)
                       ? "a second header: another log of this store was put behind this one"
                       : fmt::format("a second header: store id mismatch, found {}, expected {}", ToHex(store),
                                     ToHex(header_.store_id)));
  }
  if (head.size() >= sizeof(uint32_t)) {
    const auto length = LoadBigEndian<uint32_t>(head.data());
    if (length > kLogBodyBytesMax) return Damaged(fmt::format("length {}, at most {}", length, kLogBodyBytesMax));
  }
  return {};
}

// Rule 4.
Result<bool> LogReader::FindUnsyncedRecords() {
  uint64_t opened_bytes = 0;
  uint64_t gap_start = offset_;  // behind the last record that verified
  for (uint64_t at = offset_ + 1; at + kLogRecordBytesMin <= window_.size();) {
    const ByteView head_bytes = TRY(window_.At(at, kLogRecordHeadBytes));
    const LogRecordHead candidate = LogRecordHead::Decode(head_bytes);
    if (!IsPlausible(candidate, next_number_, at - offset_, window_.size() - at)) {
      ++at;
      continue;
    }
    opened_bytes += candidate.record_bytes();
    if (opened_bytes > std::max(kResyncBytesMax, 2 * window_.size()))
      return Damaged("too much behind it looks like records");
    const std::optional<LogRecordHead> later = TRY(Verify(at, head_bytes));
    if (!later) {
      ++at;
      continue;
    }
    const bool was_durable = later->durable > next_number_;
    const bool lost_a_page = gap_start == at || TRY(HasZeroSector(gap_start, at));
    if (was_durable || !lost_a_page) {
      return Damaged(fmt::format("tag does not verify, but record {} at offset {} does", later->number, at));
    }
    at += later->record_bytes();
    gap_start = at;
  }
  return gap_start != offset_;
}

// Rule 5.
Status LogReader::CheckTailLength() {
  uint64_t used_bytes = 0;
  for (uint64_t at = offset_; at < window_.size();) {
    const uint64_t sector_end = AlignDown(at, kLogSectorBytes) + kLogSectorBytes;
    const ByteView sector = TRY(window_.At(at, static_cast<size_t>(sector_end - at)));
    if (!IsZero(sector)) used_bytes += sector.size();
    at = sector_end;
  }
  // One record touches at most two sectors that it fills only in part.
  if (used_bytes > kLogRecordBytesMax + 2 * kLogSectorBytes) {
    return Damaged(fmt::format("{} bytes that hold no record, one has at most {}", used_bytes, kLogRecordBytesMax));
  }
  return {};
}

Result<bool> LogReader::HasZeroSector(uint64_t from, uint64_t to) {
  for (uint64_t at = AlignUp(from, kLogSectorBytes); at + kLogSectorBytes <= to; at += kLogSectorBytes) {
    const ByteView sector = TRY(window_.At(at, kLogSectorBytes));
    if (IsZero(sector)) return true;
  }
  return false;
}

}  // namespace tdefs
