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
    kTagInvalid,      // the tag does not verify
    kTagMissing,      // content and an entry, but no tag
    kEntryMissing,    // a valid tag, but the dictionary has no such path; healable after an unclean shutdown
    kMismatch,        // tag and entry name different records; healable after an unclean shutdown
    kForeign,         // content, neither tag nor entry
    kStaleEntry,      // an entry whose file is gone: harmless
    kDataKeyMissing,  // the record names an unknown data key, or one of another method
    kUnreadable,      // the file or directory cannot be examined
  };
  Kind kind;
  std::string path;     // within the mount
  std::string message;  // one line, says what it means
};
// "tag-missing" and the like: the name in JSON.
std::string_view FindingName(Finding::Kind kind);

struct CheckReport {
  uint64_t files = 0, good = 0;
  uint64_t empty_untagged = 0;  // without content no tag is needed
  uint64_t findings = 0;        // defects; those below are not
  uint64_t stale = 0, healable = 0;
  uint64_t torn_bytes = 0;
  bool clean = false;  // the last shutdown was orderly; if not, differences that tags can heal are notes, not defects
};

// Calls on_finding for each defect and each note, siblings in the order of their names. An error is what kept the check
// from going on at all. Requires: `keys` was opened with kReadOnly (or the caller holds the lock).
Result<CheckReport> CheckStore(KeyManager& keys, const std::string& backing_dir,
                               const std::function<void(const Finding&)>& on_finding);

// Registers every regular file with content under the backing directory as plaintext: tag and dictionary entry,
// durably. An empty file is left alone: as a new file it will be encrypted. Used by `init --import` before the first
// mount; may be run again after an error, which names the file. A file that has a tag already, of another store, is
// refused (kForeign). `on_file` reports progress (files so far).
Status ImportFiles(KeyManager& keys, const std::string& backing_dir, const std::function<void(uint64_t)>& on_file);

}  // namespace tdefs
