// The store directory <backing>/.tdefs as a place: opening it, and telling whole, partial and absent stores apart.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tdefs {

struct StoreDirectory {
  std::string backing_dir;  // absolute, without symlinks
  UniqueFd backing;
  UniqueFd store;  // .tdefs; the dictionaries' calls are relative to it
};

// The absolute path of a directory without symlinks. kBadPath for a relative path or no directory.
Result<std::string> ResolveBackingDir(const std::string& backing_dir);
// kNotAStore if there is no .tdefs, kBadPath as above.
Result<StoreDirectory> OpenStoreDirectory(const std::string& backing_dir);
// Both dictionaries are there and regular files. kStoreIncomplete says which one is missing and what needs it.
Status CheckStoreComplete(const StoreDirectory& directory);
// As far as key.dict goes: for a repair, which can do without file.dict. kStoreIncomplete.
Status CheckKeyDictionaryThere(const StoreDirectory& directory);
// The size of a regular file in the directory; nothing if there is none.
Result<std::optional<uint64_t>> FileSizeAt(int dir_fd, const char* name);

}  // namespace tdefs
