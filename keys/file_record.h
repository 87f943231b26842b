// FileRecord: what is needed to decrypt a file's content; its fixed encoding inside tags and dictionary records.
#pragma once

#include <cstdint>

#include "base/method.h"
#include "crypto/content_cipher.h"

namespace tdefs {

using DataKeyId = uint64_t;  // random, never 0; 0 stands for "no key" (plaintext)

struct FileRecord {
  Method method = Method::kPlaintext;
  DataKeyId key_id = 0;
  Iv iv{};  // all zero for plaintext
  bool operator==(const FileRecord&) const = default;
};

}  // namespace tdefs
