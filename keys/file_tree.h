// FileTree: the file dictionary in memory. A tree of names, so that renaming a directory of any size is O(1), with
// records shared by the hard links of a file. Not thread-safe: FileDictionary guards it.
//
// Nodes and records live in arrays and name each other by 32-bit index; children are found through one open-addressing
// hash table keyed by (parent, name). Aim: at most 150 bytes a file.
//
// A directory node exists while it has children or pins. Ids stay valid across renames. What is passed as a DirId must
// be the root, pinned, or have children.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "keys/file_record.h"

namespace tdefs {

enum class DirId : uint32_t {};
enum class RecordId : uint32_t {};

// The tree as it was at one moment, for one reader in another thread, while the tree itself changes on.
class FileTreeSnapshot {
 public:
  // Parents before children, siblings in no promised order.
  struct Visitor {
    std::function<void(std::string_view name)> enter;  // a directory that has children; all up to leave is below it
    std::function<void()> leave;
    // `shared` when the record has several names, `first` at the first visit of a record. False stops the walk.
    std::function<bool(std::string_view name, RecordId id, const FileRecord& record, bool shared, bool first)> file;
  };
  ~FileTreeSnapshot();
  void Walk(const Visitor& visitor) const;
  // As FileTree::ForEach.
  void ForEach(
      const std::function<bool(const std::string& path, RecordId, const FileRecord&, bool first)>& visit) const;
  uint64_t name_count() const;

 private:
  friend class FileTree;
  struct Impl;
  explicit FileTreeSnapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class FileTree {
 public:
  FileTree();
  ~FileTree();
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  static constexpr DirId kRoot = DirId{0};

  // The directory `name` in `parent`, made if absent, with one more pin. A file of that name gives way: its entry goes.
  DirId Enter(DirId parent, std::string_view name);
  void Unpin(DirId dir);
  // The directory `name` in `parent` if a node of it exists; no pin.
  std::optional<DirId> FindDir(DirId parent, std::string_view name) const;

  std::optional<RecordId> Find(DirId dir, std::string_view name) const;
  // True if a file, or a directory with anything in it, stands at the name: what a log has to know of.
  bool Holds(DirId dir, std::string_view name) const;
  // The record of an absolute path ("/base/5/1259").
  std::optional<RecordId> FindPath(std::string_view path) const;
  const FileRecord& Record(RecordId id) const;
  void SetRecord(RecordId id, const FileRecord& record);
  // A pinned record outlives its last name (an open, unlinked file).
  void Pin(RecordId id);
  void Unpin(RecordId id);

  // Each replaces what stands at the destination name.
  RecordId Insert(DirId dir, std::string_view name, const FileRecord& record);
  void Link(DirId dir, std::string_view name, RecordId existing);
  // Removes the file or the whole subtree at `name`; false if there was none. Pinned directories below become
  // unreachable and stay valid until unpinned.
  bool Remove(DirId dir, std::string_view name);
  // Moves the file or subtree; what stood at the destination goes. False if there is nothing at the source (then the
  // destination goes all the same: it was replaced by something without a record). As in POSIX nothing happens where
  // both names are of one record, or where one side is inside the other (the kernel refuses the latter: EINVAL,
  // ENOTEMPTY).
  bool Rename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to);
  // Either side may be absent. Nothing happens where one side is inside the other.
  void Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b);

  // Absolute path of a directory ("/" for the root) or of a name in it; nothing for an unreachable directory.
  std::optional<std::string> PathOf(DirId dir) const;
  std::optional<std::string> PathOf(DirId dir, std::string_view name) const;
  // Any one path of the record; nothing if it has no name.
  std::optional<std::string> PathOf(RecordId id) const;

  // True while a path leads to the directory.
  bool IsReachable(DirId dir) const;

  // Costs microseconds a million names: the arrays are shared, and copied piece by piece as changes touch them.
  std::unique_ptr<FileTreeSnapshot> Freeze();
  // Ends a snapshot; from the last one on, changes copy nothing.
  void Thaw(std::unique_ptr<FileTreeSnapshot> snapshot);
  // Calls visit(path, id, record, first) for each name, parents before children, siblings in no promised order; `first`
  // is true at the first visit of a record, so that later ones are hard links of it. Stops when visit returns false.
  void ForEach(
      const std::function<bool(const std::string& path, RecordId, const FileRecord&, bool first)>& visit) const;

  uint64_t name_count() const;  // names of files; hard links count each
  uint64_t record_count() const;
  uint64_t memory_bytes() const;  // of all arrays, tables and names

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
