// The survey of a store: each file of the backing tree with its tag and its entry, and each entry without a file. What
// `tdefs check` judges and `tdefs check --repair` plans from. Reads only.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "keys/key_manager.h"

namespace tdefs {

struct SurveyedFile {
  std::string path;  // within the mount
  struct stat attributes;
  Result<std::optional<FileRecord>> tag;  // nothing: it has none; kTampered, kUnsupported, or kSystem: not readable
  std::optional<FileRecord> entry;
  std::optional<RecordId> entry_id;  // with `entry`: shared by the names of a file

  bool IsEmpty() const { return attributes.st_size == 0; }
  bool HasOtherNames() const { return attributes.st_nlink > 1; }
};

struct SurveyVisitor {
  std::function<void(const SurveyedFile& file)> file;
  // An entry without a file; `replaced` if something else stands at its path.
  std::function<void(const std::string& path, const FileRecord& entry, bool replaced)> gone;
  // A file or directory that cannot be examined.
  std::function<void(const std::string& path, const Error& error)> unreadable;
};

// Files first, siblings in the order of their names, then entries without one. An error is what kept the survey from
// going on at all.
Status SurveyStore(KeyManager& keys, const std::string& backing_dir, const SurveyVisitor& visitor);

// The tag's bytes, whatever they are; nothing if there is none.
Result<std::optional<Bytes>> ReadRawTag(int path_fd);

}  // namespace tdefs
