// RepairCopy: what a repair is about to change, kept beside it in .tdefs/repair-<UTC time>/ so that it can be undone by
// hand. Not thread-safe.
//
//   plan       the actions as they were announced, one a line
//   file.dict  the file dictionary as it was, if there was one
//   tags       the tags as they were, as getfattr(1) prints them: `setfattr --restore` puts them back when it is run in
//              the backing directory. A file without a line of its own below its name had no tag.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace tdefs {

class RepairCopy {
 public:
  // Makes the directory and copies the file dictionary into it.
  static Result<RepairCopy> Create(int store_dir_fd);

  // The directory's name in the store directory.
  const std::string& name() const { return name_; }
  void AddPlanLine(std::string_view line);
  // `path` is within the mount; `tag` is the attribute's value, whatever it is, or nothing if there is none.
  void AddTag(std::string_view path, const std::optional<Bytes>& tag);
  // Writes all that was added, and makes the whole copy durable. To be called before the first change.
  Status Save();

 private:
  RepairCopy(int store_dir_fd, UniqueFd dir, std::string name)
      : store_dir_fd_(store_dir_fd), dir_(std::move(dir)), name_(std::move(name)) {}
  Status CopyFileDictionary();

  int store_dir_fd_;
  UniqueFd dir_;
  std::string name_;
  std::string plan_, tags_;
};

}  // namespace tdefs
