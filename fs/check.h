// `tdefs check`: dictionary, tags and files against each other; reads only. And the import of existing files. What can
// be mended of what is found here, fs/repair_plan.h tells.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "fs/survey.h"
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
    kNamesDiffer,     // the names of one file have entries of their own instead of one together
    kLinkLost,        // an entry shared with a path that is another file now: a hard link that became a copy
    kTornTail,        // the log ends with a record that was cut short: harmless, cut off at the next mount
    kDataKeyMissing,  // the record names an unknown data key, or one of another method
    kUnreadable,      // the file or directory cannot be examined
  };
  Kind kind;
  std::string path;     // within the mount; of kTornTail: the dictionary's, ".tdefs/file.dict"
  std::string message;  // one line, says what it means
};
// True for what only says that a mount of an unclean store has something to do: tags outrank entries there.
bool IsHealable(Finding::Kind kind);
// "tag-missing" and the like: the name in JSON.
std::string_view FindingName(Finding::Kind kind);

// Judges surveyed files one by one.
class FileJudge {
 public:
  explicit FileJudge(KeyManager& keys);
  // What is wrong with the file; nothing if all is well.
  std::optional<Finding> Judge(const SurveyedFile& file);
  // True if several paths have the entry.
  bool IsShared(RecordId entry_id) const { return shared_.contains(entry_id); }

 private:
  std::optional<Finding> JudgeUntagged(const SurveyedFile& file) const;
  std::optional<Finding> JudgeTagged(const SurveyedFile& file, const FileRecord& tag);
  std::optional<Finding> JudgeNames(const SurveyedFile& file);

  using InodeKey = std::pair<dev_t, ino_t>;
  struct FirstName {
    std::string path;
    RecordId entry_id;
  };
  struct FirstFile {
    std::string path;
    InodeKey inode;
  };
  KeyManager& keys_;
  std::set<RecordId> shared_;                  // entries of several paths
  std::map<InodeKey, FirstName> first_names_;  // of files with several names and a good entry
  std::map<RecordId, FirstFile> first_files_;  // of good files whose entry is shared
};

struct CheckReport {
  uint64_t files = 0, good = 0;
  uint64_t empty_untagged = 0;  // without content no tag is needed
  uint64_t findings = 0;        // defects; those below are not
  uint64_t stale = 0, healable = 0;
  uint64_t torn_bytes = 0;
  bool clean = false;  // the last shutdown was orderly; if not, differences that tags can heal are notes, not defects
};

// Calls on_finding for each defect and each note, siblings in the order of their names, and on_file with the files so
// far. An error is what kept the check from going on at all. Requires: `keys` was opened with kReadOnly (or the caller
// holds the lock).
Result<CheckReport> CheckStore(
    KeyManager& keys, const std::string& backing_dir, const std::function<void(const Finding&)>& on_finding,
    const std::function<void(uint64_t)>& on_file = [](uint64_t) {});

// Registers every regular file with content under the backing directory as plaintext: tag and dictionary entry,
// durably. An empty file is left alone: as a new file it will be encrypted. Used by `init --import` before the first
// mount; may be run again after an error, which names the file. A file that has a tag already, of another store, is
// refused (kForeign). `on_file` reports progress (files so far).
Status ImportFiles(KeyManager& keys, const std::string& backing_dir, const std::function<void(uint64_t)>& on_file);

}  // namespace tdefs
