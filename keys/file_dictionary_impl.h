// The inside of FileDictionary: changes (file_dictionary.cc), opening (file_dictionary_open.cc) and compaction
// (file_dictionary_compact.cc).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "keys/file_dictionary.h"
#include "keys/log_change.h"
#include "keys/log_writer.h"

namespace tdefs {

inline constexpr char kNewFileDictionaryName[] = "file.dict.new";
inline constexpr uint64_t kDeadWorthSpace = 1000;  // dead changes that make a compaction on a full disk worth it

struct FileDictionary::Impl {
  Impl(int store_dir_fd, Options opening_options);
  ~Impl();

  // --- changes; each takes the locks it needs
  Result<Change> Insert(DirId dir, std::string_view name, const FileRecord& record);
  Result<Change> Link(DirId dir, std::string_view name, RecordId existing);
  Result<Sequence> Update(RecordId id, const FileRecord& record);
  Result<Sequence> Remove(DirId dir, std::string_view name);
  Result<Sequence> Rename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to);
  Result<Sequence> Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b);
  Result<Sequence> AppendMark(LogMark mark);

  // One name as a change sees it. Requires: append_mutex.
  struct Target {
    std::optional<std::string> path;  // nothing: the directory is no longer reachable
    bool holds = false;               // a file, or a directory with anything in it
  };
  Result<Target> Look(DirId dir, std::string_view name) const;
  static Status CheckLoggable(const Target& target);
  // Whether what stands at `from` could stand at `to`, with all that is below it.
  Status CheckMove(const Target& from, const Target& to);
  // Keep the bound of all paths, at a new name and at a move. Require: append_mutex.
  void NotePath(const Target& target);
  void NoteMove(const Target& from, const Target& to);
  // Of all paths, and of those below `top`, with it.
  struct LongestPaths {
    size_t all_bytes = 0, below_bytes = 0;
  };
  LongestPaths FindLongestPaths(std::string_view top);
  // Fails if the disk is too full for another name. Requires: append_mutex.
  Status CheckSpace();
  // Writes one change to the log. Requires: append_mutex.
  Result<Sequence> Append(const LogChange& change);
  // After a change was applied: is it time for a compaction? Requires: append_mutex.
  void CountDead();
  // After all locks were released.
  void AfterChange();

  // --- opening
  Status Load();
  Status LoadEmpty();
  Status CutTail(int fd, uint64_t end_bytes) const;
  void StartThreads();
  void Stop();

  // --- compaction
  enum class Reason : uint8_t { kAsked, kFailedSync };
  Status Compact(Reason reason);
  Status RunCompaction();
  Status SwapLogs(std::shared_ptr<LogWriter>& fresh, uint64_t listed_names);
  std::unique_ptr<FileTreeSnapshot> BeginCatchUp();
  Result<Sequence> DrainCatchUp(LogWriter& fresh);
  Status DrainUntilFew(LogWriter& fresh);
  Status WriteCaughtUp(const std::vector<Bytes>& changes, LogWriter& fresh);
  Result<Sequence> SyncLog();
  void RunCompactor();
  void WakeCompactor();

  const int dir_fd;
  const Options options;
  Report report;

  std::mutex compaction_mutex;  // one compaction at a time

  mutable std::mutex append_mutex;
  mutable std::mutex log_pointer_mutex;        // innermost; `log` is set under both, read under either
  std::shared_ptr<LogWriter> log;              // null when opened read-only
  std::optional<bool> clean;                   // the last change is a clean mark: healed?
  uint64_t log_changes = 0;                    // changes in the log, without clean marks
  uint64_t retry_dead = 0;                     // after a failed compaction: not again before so many dead changes
  std::optional<std::vector<Bytes>> catch_up;  // while a compaction runs: changes that its snapshot does not have
  uint64_t changes_before_catch_up = 0;        // log_changes when it began
  size_t longest_path_bytes = 0;               // no path of the tree is longer; perhaps none is so long
  std::atomic<Sequence> last = 0;

  mutable std::shared_mutex tree_mutex;
  FileTree tree;

  std::atomic<uint64_t> appends = 0, compactions = 0, failed_appends = 0, failed_compactions = 0, dead = 0;
  std::atomic<bool> stopping = false;
  LogGroupCommit commit;

  std::mutex compactor_mutex;
  std::condition_variable compactor_wake;
  bool compaction_wanted = false;
  std::thread compactor;
};

}  // namespace tdefs
