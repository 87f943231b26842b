// The bytes of the file dictionary's log, file.dict. All integers are big-endian.
//
// Header, 104 bytes, written once:
//   offset  bytes  field
//        0      8  magic "tdefs.fd"
//        8      4  format version, 1
//       12      4  feature bits, 0; an unknown bit is refused
//       16     16  store id
//       32      8  generation: 1 for a new store, one more after each compaction
//       40     32  salt, random for each generation
//       72     32  HMAC-SHA256 of bytes 0-71 under HKDF-SHA256(dictionary key, salt, "tdefs file.dict header 1")
//
// then records, one behind the other, numbered from 0 in each generation:
//        0      4  length of the body, 1 to 65,536
//        4      4  number of the record
//        8      4  durable: how many records of this generation were known to be durable when this one was written
//       12     12  nonce, random
//       24      n  body, AES-256-GCM under HKDF-SHA256(dictionary key, salt, "tdefs file.dict records 1")
//     24+n     16  tag
// The associated data of a record is store id ‖ generation ‖ its bytes 0-11: a record verifies only in its own log,
// with its own length and number. The nonce is random because a number would come again after a torn tail is cut, and a
// repeated GCM nonce gives the key away; at most 2^32 records a generation keep random nonces safe (NIST SP
// 800-38D 8.3). A body is one change or several (keys/log_change.h); they are applied together.
//
// Damage. Reading stops at the first offset X where no record of the next number verifies. What follows decides whether
// X is where an append was cut short (a torn tail: cut off, with a warning) or whether the log is damaged (refused):
//   1. the magic stands at X: a second log was put behind the first                                       - damage
//   2. the length at X is larger than a body can be (a torn length is shorter or zero, never longer)      - damage
//   3. a record verifies at X under another number: records are repeated, missing or out of order         - damage
//   4. a record verifies at some later offset Y, so the one at X was complete once                        - damage,
//      but for one case: a power cut may keep later pages of what was not yet durable and lose earlier ones, which then
//      read as zeros. If a whole sector of zeros lies in each gap, and no later record says that X was durable, then no
//      one was ever told that these records are safe: they are the torn tail.
//   5. nothing verifies behind X, but more bytes than one record can have are there that are not zeros    - damage
//   6. otherwise                                                                                          - torn tail
// For 4 every later offset is tried. A random offset passes for a record's first 12 bytes with probability below 2^-30
// (length, number and durable are bounded), so the search costs a nanosecond a byte; it gives up, as damage, when a
// hostile file makes it authenticate more than kResyncBytesMax.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "keys/store_id.h"

namespace tdefs {

inline constexpr std::string_view kLogMagic = "tdefs.fd";
inline constexpr uint32_t kLogVersion = 1;
inline constexpr uint32_t kLogFeatures = 0;  // the feature bits that this build knows
inline constexpr size_t kLogHeaderBytes = 104;
inline constexpr size_t kLogRecordHeadBytes = 24;
inline constexpr size_t kLogRecordOverhead = kLogRecordHeadBytes + kAeadTagBytes;
inline constexpr size_t kLogBodyBytesMax = 65'536;
inline constexpr size_t kLogRecordBytesMax = kLogBodyBytesMax + kLogRecordOverhead;
inline constexpr size_t kLogRecordBytesMin = kLogRecordOverhead + 1;
inline constexpr size_t kLogSectorBytes = 512;
inline constexpr uint64_t kResyncBytesMax = 256ULL << 20;

using LogSalt = std::array<std::byte, 32>;

struct LogHeader {
  StoreId store_id{};
  uint64_t generation = 0;
  LogSalt salt{};
};

// The fields of a record that are readable without the key.
struct LogRecordHead {
  uint32_t length = 0, number = 0, durable = 0;

  // Requires: bytes.size() >= kLogRecordHeadBytes.
  static LogRecordHead Decode(ByteView bytes);
  size_t record_bytes() const { return length + kLogRecordOverhead; }
};

// Seals and opens the records of one generation. Not thread-safe.
class LogCipher {
 public:
  static Result<LogCipher> Create(const LogHeader& header, ByteView dictionary_key);

  // Writes the whole record to `out`, replacing what it held.
  // Requires: 1 <= body.size() <= kLogBodyBytesMax.
  Status Seal(uint32_t number, uint32_t durable, ByteView body, Bytes& out);
  // Writes the body to `out` and returns true if the record verifies.
  // Requires: record.size() == head.record_bytes(), out.size() == head.length.
  bool Open(ByteView record, ByteSpan out);

 private:
  LogCipher(Aead aead, const LogHeader& header);
  Aead aead_;
  std::array<std::byte, 16 + 8 + 12> associated_;  // store id, generation; the record's first 12 bytes are filled in
};

// A header with a fresh salt.
Result<LogHeader> NewLogHeader(const StoreId& store_id, uint64_t generation);
Result<std::array<std::byte, kLogHeaderBytes>> EncodeLogHeader(const LogHeader& header, ByteView dictionary_key);
// The header at the start of a file of which `bytes` are the first kLogHeaderBytes, or all if it is shorter.
// kCorrupt: too short, other magic, another store's, or it does not verify. kUnsupported: version or feature bits.
Result<LogHeader> DecodeLogHeader(ByteView bytes, const StoreId& store_id, ByteView dictionary_key);

}  // namespace tdefs
