// LogReplay: applies the changes of a log to a file tree, in order, as they were applied when they were logged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/file_tree.h"
#include "keys/log_change.h"

namespace tdefs {

class LogReplay {
 public:
  // The tree must be empty, and outlive this.
  explicit LogReplay(FileTree& tree);
  ~LogReplay();
  LogReplay(const LogReplay&) = delete;
  LogReplay& operator=(const LogReplay&) = delete;

  // Applies all changes of a record's body. kCorrupt for a malformed change; the tree is of no use then.
  Status Apply(ByteView body);

  uint64_t changes() const { return changes_; }              // without clean marks and directories of a listing
  uint64_t unknown_names() const { return unknown_names_; }  // removed, linked or updated, but not there: ignored
  size_t longest_path_bytes() const { return longest_path_bytes_; }  // no path of the tree is longer
  // Set if the last change is a clean mark: whether healing was complete.
  std::optional<bool> clean() const { return clean_; }

 private:
  struct Place {
    DirId dir;
    std::string_view name;
  };
  Status ApplyListing(const LogChange& change);
  void ApplyChange(const LogChange& change);
  void ApplyLink(const LogChange& change);
  // The directory of a path's last name, made if absent, pinned until the next call of either.
  Place Enter(std::string_view path);
  void LeaveEntered();
  DirId PinDirectoryOf(std::string_view path, size_t name_start);

  FileTree& tree_;
  bool listing_ = true;  // until the first change that is not part of one
  void NoteLength(const LogChange& change);

  std::vector<DirId> directories_;
  std::vector<size_t> directory_bytes_ = {0};  // of their paths, without a final slash
  std::vector<RecordId> shared_;
  std::optional<DirId> entered_;  // the directory of the last insert: most inserts follow one of the same directory
  std::string entered_path_;
  uint64_t changes_ = 0, unknown_names_ = 0;
  size_t longest_path_bytes_ = 0;
  std::optional<bool> clean_;
};

}  // namespace tdefs
