// The tag: the file record stored with the inode in the xattr user.tdefs, authenticated by a MAC.
//
//   offset  bytes  field
//        0      1  format version, 1
//        1      1  method number
//        2      2  flags, 0
//        4      4  key domain, 0
//        8      8  data key id
//       16     16  IV
//       32     16  MAC: first 16 bytes of HMAC-SHA256(tag MAC key, "tdefs tag 1" ‖ store id ‖ bytes 0–31)
//
// 48 bytes, so that it stays inside a 256-byte ext4 inode. The MAC does not cover the inode number: a backup that was
// restored with its xattrs stays readable.
#pragma once

#include <array>

#include "base/error.h"
#include "crypto/secret_bytes.h"
#include "keys/file_record.h"
#include "keys/store_id.h"

namespace tdefs {

inline constexpr size_t kTagBytes = 48;
using Tag = std::array<std::byte, kTagBytes>;

// Thread-safe.
class TagCodec {
 public:
  TagCodec(const StoreId& store_id, SecretBytes mac_key) : store_id_(store_id), mac_key_(std::move(mac_key)) {}
  Result<Tag> Encode(const FileRecord& record) const;
  // kTampered for a wrong length or MAC; kUnsupported for an unknown version, flag or method under a valid MAC.
  Result<FileRecord> Decode(ByteView bytes) const;

 private:
  StoreId store_id_;
  SecretBytes mac_key_;
};

}  // namespace tdefs
