// `tdefs check`: dictionary, tags and files against each other; reads only. And the import of existing files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "keys/key_manager.h"

namespace tdefs {

struct Finding {
  enum class Kind : uint8_t {
    kTagInvalid,       // the tag does not verify
    kTagMissing,       // content and an entry, but no tag
    kEntryMissing,     // a valid tag, but the dictionary has no such path
    kMismatch,         // tag and entry name different records
    kForeign,          // content, neither tag nor entry
    kStaleEntry,       // an entry whose file is gone: harmless
    kDataKeyMissing,   // the record names an unknown data key
    kUnreadable,       // the file or directory cannot be examined
  };
  Kind kind;
  std::string path;     // within the mount
  std::string message;  // one line, says what it means
};
std::string_view FindingName(Finding::Kind kind);

struct CheckReport {
  uint64_t files = 0, good = 0, empty_untagged = 0, findings = 0, stale = 0;
  uint64_t torn_bytes = 0;
  bool clean = false;  // the last shutdown was orderly; if not, differences that tags can heal are notes, not defects
};

// Requires: `keys` was opened with kReadOnly (or the caller holds the lock).
Result<CheckReport> CheckStore(KeyManager& keys, const std::string& backing_dir,
                               const std::function<void(const Finding&)>& on_finding);

// Registers every regular file under the backing directory as plaintext: tag and dictionary entry. Used by
// `init --import` before the first mount. `on_file` reports progress (files so far).
Status ImportFiles(KeyManager& keys, const std::string& backing_dir, const std::function<void(uint64_t)>& on_file);

}  // namespace tdefs
