// FileDictionary: path → file record, as an append-only, encrypted and authenticated log (file.dict) with its whole
// content in memory (FileTree). Format: keys/log_format.h and docs/format.md.
//
// Every change is written to the log before it is applied in memory (publish after persist); Flush makes it durable by
// group commit. A failed append cuts the log back to its last good record and leaves memory as it was (R8).
//
// Thread-safe. Lock order: compaction → flush leadership → append (order of the log, held across the write) → tree.
// Lookups take only the tree lock, so a stalled log write never stops them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/secret_bytes.h"
#include "keys/file_tree.h"
#include "keys/log_file_ops.h"
#include "keys/log_group_commit.h"
#include "keys/store_id.h"

namespace tdefs {

class FileDictionary {
 public:
  struct Options {
    StoreId store_id{};
    SecretBytes dictionary_key;              // 32 bytes; each log generation derives its own from it and a salt
    uint64_t rewrite_threshold = 1'000'000;  // compact past so many dead changes, if they are half of the log
    bool compact_after_each_change = false;  // TiKV's enable-file-dictionary-log = false
    uint32_t flush_interval_ms = 1000;
    bool read_only = false;  // nothing is written: no torn tail is cut, no leftover removed; a
                             // change is EROFS
    FileOps file_ops;        // replaced by tests only
  };
  // What opening found.
  struct Report {
    uint64_t records = 0;        // read from the log
    uint64_t unknown_names = 0;  // changes of names that were not there: ignored
    uint64_t torn_bytes = 0;     // cut (or, read-only, ignored) at the tail
    uint64_t torn_offset = 0;    // where they begin
    bool clean = false;          // the last record is a clean record
    bool healed = true;          // that clean record says that no healing was left over
  };
  struct Statistics {
    uint64_t names = 0, records = 0, memory_bytes = 0;
    uint64_t log_bytes = 0, log_records = 0, generation = 0;
    uint64_t dead_records = 0;  // changes in the log beyond the one that each name needs
    uint64_t appends = 0, flushes = 0, compactions = 0, failed_appends = 0, failed_compactions = 0;
    Sequence last = 0, durable = 0;
  };
  struct Change {
    Sequence sequence = 0;  // what Flush takes
    RecordId record{};      // of Insert and Link: one pin is the caller's
  };

  // Makes an empty file.dict in the store directory, durably, in place of one that is there.
  static Status Create(int store_dir_fd, const Options& options);
  // Reads the log. A torn tail is cut with a warning; damage before it is kCorrupt with record number and offset. A log
  // of no bytes at all is one whose making was cut short: it is made anew. No log at all is kStoreIncomplete.
  // `store_dir_fd` stays the caller's and must outlive the object.
  static Result<std::unique_ptr<FileDictionary>> Open(int store_dir_fd, Options options);
  // One without a file, read-only: what a repair plans with where the log cannot be read.
  static std::unique_ptr<FileDictionary> Absent(int store_dir_fd, Options options);
  ~FileDictionary();  // stops the background thread; what was not flushed is left to the kernel

  const Report& report() const;
  Statistics statistics() const;

  // Names are those of the kernel: 1 to 255 bytes. Directories are entered (pinned) once by whoever keeps their id and
  // left once.
  DirId Enter(DirId parent, std::string_view name);
  void Leave(DirId dir);
  std::optional<RecordId> Find(DirId dir, std::string_view name);  // pins it
  std::optional<FileRecord> FindPath(std::string_view path) const;
  // Not pinned: for reading, and for callers that are alone with the store.
  std::optional<RecordId> FindRecord(std::string_view path) const;
  void Unpin(RecordId record);
  FileRecord Get(RecordId record) const;
  std::optional<std::string> PathOf(DirId dir, std::string_view name) const;
  std::optional<std::string> PathOf(RecordId record) const;

  // Changes; each is one log record. A name in a directory that is no longer reachable changes nothing on disk
  // (sequence 0). Errors: the append's errno; EINVAL or ENAMETOOLONG for what the log cannot hold. Nothing has changed
  // then.
  Result<Change> Insert(DirId dir, std::string_view name, const FileRecord& record);
  Result<Change> Link(DirId dir, std::string_view name, RecordId existing);
  // Sets the record under all its names. Nothing is logged if it has none (an unlinked file).
  Result<Sequence> Update(RecordId id, const FileRecord& record);
  Result<Sequence> Remove(DirId dir, std::string_view name);  // no record of the name: nothing is logged, returns 0
  Result<Sequence> Rename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to);
  Result<Sequence> Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b);

  // Whether the log could hold the paths that a link, rename or exchange would make, asked before the backing directory
  // is changed: ENAMETOOLONG where one of them, or of anything below a directory that moves, would be too long. A name
  // below that changes at the same moment is not seen.
  Status CheckLink(DirId dir, std::string_view name) const;
  Status CheckRename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to);
  Status CheckExchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b);

  // Returns once everything up to `sequence` is durable; one fdatasync serves all who wait (R4). After a failed
  // fdatasync the log is rewritten by compaction before anything counts as durable again (a retried fsync proves
  // nothing, R7); that failing too is the error.
  Status Flush(Sequence sequence);
  // Starts a flush up to `sequence` in the background and returns at once: for running beside another fsync.
  void StartFlush(Sequence sequence);
  Sequence last() const;

  // Writes a snapshot beside the log while changes go on, then swaps (file.dict.new → file.dict).
  Status Compact();
  // Marks the log as in use, durably. Called before the first tag or name of a mount changes: a crash between a tag and
  // its record must not find a log that claims an orderly end (R2).
  Status MarkInUse();
  // Marks an orderly end and makes all durable; `healed` false leaves a note that healing must go on at the next mount.
  // The next change removes the mark by following it.
  Status MarkClean(bool healed);

  // As FileTree::ForEach, on the view of one moment. Changes and lookups go on, and `visit` may call them; a RecordId
  // is good as long as nothing removes its last name.
  void ForEach(
      const std::function<bool(const std::string& path, RecordId, const FileRecord&, bool first)>& visit) const;

 private:
  struct Impl;
  explicit FileDictionary(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
