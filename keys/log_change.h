// The changes inside a log record's body (keys/log_format.h), byte for byte. All integers are big-endian.
//
//   change         kind  fields
//   insert            1  path, file record      a new file; replaces what stands at the path
//   link              2  path, path             the file at the first path gets the second as well
//   remove            3  path                   a file or a whole subtree
//   rename            4  path, path             a file or a whole subtree; replaces what stands at the second path
//   exchange          5  path, path
//   update            6  path, file record      for all names of the file at the path
//   mark              7  u8 state               0: orderly unmount, healing left over; 1: orderly unmount; 2: in use,
//   so
//                                               that a log that ends with it was not left in order
// A compaction writes the whole tree as a listing at the start of a log; it names directories by number, so that a tree
// deeper than the longest path can be written too, and so that it loads fast:
//   directory         8  u32 parent, name       gets the next number from 1; 0 is the root
//   listed file       9  u32 directory, name, file record
//   shared file      10  u32 directory, name, file record   a file with several names; gets the next number from 0
//   shared name      11  u32 directory, name, u32 shared file
//
//   path              u16 length, bytes: absolute within the mount ("/base/5/1259"), 2 to 32,000 bytes of names
//   name              u8 length, bytes: 1 to 255 of any but '/' and NUL, not "." or ".."
//   file record       u8 method number, u64 data key id, u8 IV length, IV; key 0 and length 0 for plaintext, else 16
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/file_record.h"

namespace tdefs {

inline constexpr size_t kLogPathBytesMax = 32'000;  // two of them fit a body

enum class LogChangeKind : uint8_t {
  kInsert = 1,
  kLink = 2,
  kRemove = 3,
  kRename = 4,
  kExchange = 5,
  kUpdate = 6,
  kMark = 7,
  kDirectory = 8,
  kListedFile = 9,
  kSharedFile = 10,
  kSharedName = 11,
};

enum class LogMark : uint8_t { kCleanUnhealed = 0, kClean = 1, kInUse = 2 };

// One change; only the fields of its kind mean anything. The views point into the body.
struct LogChange {
  LogChangeKind kind = LogChangeKind::kInsert;
  LogMark mark = LogMark::kInUse;
  uint32_t directory = 0;      // of a listing: the parent's number
  uint32_t shared = 0;         // of a shared name
  std::string_view path = {};  // or the name, in a listing
  std::string_view to = {};    // link, rename, exchange
  FileRecord record = {};
};

// What a change may carry; kSystem with EINVAL or ENAMETOOLONG for what it may not.
Status ValidateLogName(std::string_view name);
Status ValidateLogPath(std::string_view path);
Status ValidateLogFileRecord(const FileRecord& record);

// Appends the change. Requires: paths, names and the record are valid.
void EncodeLogChange(const LogChange& change, ByteWriter& out);
// Takes the next change off the body. kCorrupt for anything that EncodeLogChange cannot have written.
Result<LogChange> DecodeLogChange(ByteReader& body);

}  // namespace tdefs
