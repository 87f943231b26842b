// Compaction: the whole tree written to file.dict.new beside the log, then swapped in.
//
// Why the new log holds exactly what memory holds, and loses nothing at any crash point:
//  1. Under the append lock no change is between log and memory. There the tree is frozen (FileTree::Freeze,
//  microseconds)
//     and catch_up begins: tree = snapshot, and every change from then on goes to the old log and to catch_up.
//  2. The listing of the snapshot is written without any lock: the snapshot does not change, whatever is renamed
//  meanwhile.
//     Replaying listing + catch_up is therefore replaying the log itself, in its own order.
//  3. Catch-up changes are moved over in rounds, without the append lock for the writing; each round is shorter.
//  4. Leadership of the group commit is taken: from here on nothing new is declared durable. What was declared so is in
//     the old log up to some sequence D; a round and an fdatasync bring the new log to S >= D.
//  5. Under the append lock the few changes made since are written, the file is renamed over file.dict, and appends go
//  to
//     the new log. Before the rename a crash finds the old log, complete; after it the new one, complete up to S, and
//     nothing beyond S was declared durable. Until the directory is synced either may be found, and both hold D.
//  6. The directory is synced, S is declared durable, leadership ends.
// An error before the rename leaves the old log in use and removes the new file. An error after it (fsync of the
// directory) leaves the new log in use but lets nothing count as durable before another compaction has succeeded.
// Appends wait only for 1 and 5, where a handful of changes are packed into one write.

#include <unistd.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "keys/file_dictionary_impl.h"
#include "keys/log_listing.h"

namespace tdefs {
namespace {

constexpr int kDrainRoundsMax = 16;
constexpr size_t kFewChanges = 16;

}  // namespace

std::unique_ptr<FileTreeSnapshot> FileDictionary::Impl::BeginCatchUp() {
  std::lock_guard append(append_mutex);
  catch_up.emplace();
  changes_before_catch_up = log_changes;
  if (clean) {  // the mark is the last change and would get lost, for the tree knows nothing of it
    ByteWriter mark;
    const LogMark state = *clean ? LogMark::kClean : LogMark::kCleanUnhealed;
    EncodeLogChange({.kind = LogChangeKind::kMark, .mark = state}, mark);
    catch_up->push_back(mark.Take());
  }
  std::unique_lock lock(tree_mutex);
  return tree.Freeze();
}

Status FileDictionary::Impl::WriteCaughtUp(const std::vector<Bytes>& changes, LogWriter& fresh) {
  LogPacker packer(fresh);
  for (const Bytes& change : changes) TRY(packer.AddEncoded(change));
  return packer.Finish();
}

Result<Sequence> FileDictionary::Impl::DrainCatchUp(LogWriter& fresh) {
  std::vector<Bytes> changes;
  Sequence drained_to = 0;
  {
    std::lock_guard append(append_mutex);
    changes.swap(*catch_up);
    drained_to = last;
  }
  TRY(WriteCaughtUp(changes, fresh));
  return drained_to;
}

Status FileDictionary::Impl::DrainUntilFew(LogWriter& fresh) {
  for (int round = 0; round < kDrainRoundsMax; ++round) {
    {
      std::lock_guard append(append_mutex);
      if (catch_up->size() <= kFewChanges) return {};
    }
    TRY(DrainCatchUp(fresh));
  }
  return {};
}

Status FileDictionary::Impl::SwapLogs(std::shared_ptr<LogWriter>& fresh, uint64_t listed_names) {
  std::lock_guard append(append_mutex);
  TRY(WriteCaughtUp(*catch_up, *fresh));
  const int renamed = Point<"compaction.rename", CallKind::kName>().Run(
      [&] { return options.file_ops.renameat(dir_fd, kNewFileDictionaryName, dir_fd, kFileDictionaryName); });
  if (renamed != 0) {
    return FailErrno(errno, "file dictionary: rename file.dict.new to file.dict");
  }
  {
    std::lock_guard pointer(log_pointer_mutex);
    log.swap(fresh);  // the caller lets go of the old one without a lock: freeing a large file takes time
  }
  log_changes = listed_names + (log_changes - changes_before_catch_up);
  retry_dead = 0;
  catch_up.reset();
  return {};
}

Status FileDictionary::Impl::RunCompaction() {
  ::unlinkat(dir_fd, kNewFileDictionaryName, 0);  // of one that failed
  const LogHeader header = TRY(NewLogHeader(options.store_id, log->generation() + 1));
  std::shared_ptr<LogWriter> fresh =
      TRY(LogWriter::Create(dir_fd, kNewFileDictionaryName, header, options.dictionary_key.view(), options.file_ops));
  std::unique_ptr<FileTreeSnapshot> snapshot = BeginCatchUp();
  const uint64_t listed_names = snapshot->name_count();
  const Status listed = WriteLogListing(*snapshot, *fresh, stopping);
  {
    std::unique_lock lock(tree_mutex);
    tree.Thaw(std::move(snapshot));
  }
  TRY(listed);
  TRY(DrainUntilFew(*fresh));
  TRY(fresh->Sync(fresh->records()));  // the long one, while flushes of the old log go on

  LogGroupCommit::Leadership leadership(commit);
  const Sequence safe = TRY(DrainCatchUp(*fresh));
  TRY(fresh->Sync(fresh->records()));
  fresh->Reveal();
  fresh->Reserve();
  TRY(DrainUntilFew(*fresh));
  TRY(SwapLogs(fresh, listed_names));
  const int synced = Point<"compaction.fsync-directory", CallKind::kSync>().Run(
      [&] { return options.file_ops.fsync_directory(dir_fd); });
  if (synced != 0) {
    const int error = errno;
    leadership.MarkFailed();
    return FailErrno(error, "file dictionary: fsync of the store directory");
  }
  leadership.Replaced(safe);
  return {};
}

Status FileDictionary::Impl::Compact(Reason reason) {
  std::lock_guard one(compaction_mutex);
  if (!log) return FailErrno(EROFS, "file dictionary: opened read-only");
  if (reason == Reason::kFailedSync && !commit.failed()) return {};  // another compaction has mended it
  const Status compacted = RunCompaction();
  std::lock_guard append(append_mutex);
  if (compacted) {
    ++compactions;
    CountDead();
    return {};
  }
  catch_up.reset();
  ::unlinkat(dir_fd, kNewFileDictionaryName, 0);
  ++failed_compactions;
  retry_dead = dead + std::max<uint64_t>(options.rewrite_threshold / 4, 1000);
  if (!stopping) Log(LogLevel::kError, "compaction failed, the log goes on: {}", compacted.error().Text());
  return compacted;
}

Result<Sequence> FileDictionary::Impl::SyncLog() {
  std::shared_ptr<LogWriter> synced;
  Sequence sequence = 0;
  uint32_t records = 0;
  {
    std::lock_guard append(append_mutex);
    if (!log) return last.load();  // read-only: nothing is ours to make durable
    synced = log;
    sequence = last;
    records = log->records();
  }
  TRY(synced->Sync(records));
  return sequence;
}

void FileDictionary::Impl::WakeCompactor() {
  {
    std::lock_guard lock(compactor_mutex);
    compaction_wanted = true;
  }
  compactor_wake.notify_all();
}

void FileDictionary::Impl::RunCompactor() {
  std::unique_lock lock(compactor_mutex);
  while (true) {
    compactor_wake.wait(lock, [&] { return stopping || compaction_wanted; });
    if (stopping) return;
    compaction_wanted = false;
    lock.unlock();
    (void)Compact(Reason::kAsked);  // counted and logged there
    lock.lock();
  }
}

}  // namespace tdefs
