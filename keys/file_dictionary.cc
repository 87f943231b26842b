#include "keys/file_dictionary.h"

#include <fmt/core.h>

#include "keys/file_dictionary_impl.h"

namespace tdefs {

using Kind = LogChangeKind;

Result<FileDictionary::Impl::Target> FileDictionary::Impl::Look(DirId dir, std::string_view name) const {
  TRY(ValidateLogName(name));
  std::shared_lock lock(tree_mutex);
  return Target{.path = tree.PathOf(dir, name), .holds = tree.Holds(dir, name)};
}

// Of a full disk the last space of the log is kept for removals, which make an end of that.
Status FileDictionary::Impl::CheckSpace() {
  if (!log || !log->IsLowOnSpace()) return {};
  log->Reserve();
  if (!log->IsLowOnSpace()) return {};
  if (dead > kDeadWorthSpace && dead >= retry_dead) WakeCompactor();
  return FailErrno(ENOSPC, "file dictionary: no space for new names");
}

Result<Sequence> FileDictionary::Impl::Append(const LogChange& change) {
  if (!log) return FailErrno(EROFS, "file dictionary: opened read-only");
  ByteWriter body;
  EncodeLogChange(change, body);
  if (Status written = log->Append(body.bytes()); !written) {
    ++failed_appends;
    // A full disk is reason enough to give back what dead records hold.
    const bool full = written.error().sys_errno == ENOSPC && dead > kDeadWorthSpace && dead >= retry_dead;
    if (log->wants_replacement() || full) WakeCompactor();
    return std::unexpected(std::move(written).error());
  }
  clean.reset();
  if (change.kind != Kind::kMark) {
    ++log_changes;
  } else if (change.mark != LogMark::kInUse) {
    clean = change.mark == LogMark::kClean;
  }
  if (catch_up) catch_up->push_back(body.Take());
  ++appends;
  return ++last;
}

void FileDictionary::Impl::CountDead() {
  uint64_t names;
  {
    std::shared_lock lock(tree_mutex);
    names = tree.name_count();
  }
  dead = log_changes > names ? log_changes - names : 0;
  const bool worth_it = dead > options.rewrite_threshold && dead > names / 2 && dead >= retry_dead;
  if (worth_it || (log && log->wants_replacement())) WakeCompactor();
}

void FileDictionary::Impl::AfterChange() {
  // A failure is counted and logged by Compact; the change itself is safe in the log.
  if (options.compact_after_each_change && !options.read_only) (void)Compact(Reason::kAsked);
}

Result<FileDictionary::Change> FileDictionary::Impl::Insert(DirId dir, std::string_view name,
                                                            const FileRecord& record) {
  TRY(ValidateLogFileRecord(record));
  std::lock_guard append(append_mutex);
  const Target target = TRY(Look(dir, name));
  TRY(CheckLoggable(target));
  TRY(CheckSpace());
  Change change;
  if (target.path) change.sequence = TRY(Append({.kind = Kind::kInsert, .path = *target.path, .record = record}));
  NotePath(target);
  {
    std::unique_lock lock(tree_mutex);
    change.record = tree.Insert(dir, name, record);
    tree.Pin(change.record);
  }
  CountDead();
  return change;
}

Result<FileDictionary::Change> FileDictionary::Impl::Link(DirId dir, std::string_view name, RecordId existing) {
  std::lock_guard append(append_mutex);
  const Target target = TRY(Look(dir, name));
  TRY(CheckLoggable(target));
  TRY(CheckSpace());
  Change change{.sequence = last, .record = existing};
  bool there = false;
  std::optional<std::string> source;
  FileRecord record;
  {
    std::shared_lock lock(tree_mutex);
    there = tree.Find(dir, name) == existing;
    source = tree.PathOf(existing);
    record = tree.Record(existing);
  }
  if (there || !target.path) {
    if (!there) change.sequence = 0;
  } else if (source && source->size() <= kLogPathBytesMax) {
    change.sequence = TRY(Append({.kind = Kind::kLink, .path = *source, .to = *target.path}));
  } else if (!source) {  // an unnamed file (O_TMPFILE) gets its first name
    change.sequence = TRY(Append({.kind = Kind::kInsert, .path = *target.path, .record = record}));
  } else {
    return FailErrno(ENAMETOOLONG, "file dictionary: path of the file to link is too long");
  }
  NotePath(target);
  {
    std::unique_lock lock(tree_mutex);
    tree.Link(dir, name, existing);
    tree.Pin(existing);
  }
  CountDead();
  return change;
}

Result<Sequence> FileDictionary::Impl::Update(RecordId id, const FileRecord& record) {
  TRY(ValidateLogFileRecord(record));
  std::lock_guard append(append_mutex);
  std::optional<std::string> path;
  {
    std::shared_lock lock(tree_mutex);
    path = tree.PathOf(id);
  }
  if (path) TRY(ValidateLogPath(*path));
  const Sequence sequence = path ? TRY(Append({.kind = Kind::kUpdate, .path = *path, .record = record})) : 0;
  {
    std::unique_lock lock(tree_mutex);
    tree.SetRecord(id, record);
  }
  CountDead();
  return sequence;
}

Result<Sequence> FileDictionary::Impl::Remove(DirId dir, std::string_view name) {
  std::lock_guard append(append_mutex);
  const Target target = TRY(Look(dir, name));
  Sequence sequence = 0;
  if (target.holds) TRY(CheckLoggable(target));
  if (target.path && target.holds) sequence = TRY(Append({.kind = Kind::kRemove, .path = *target.path}));
  {
    std::unique_lock lock(tree_mutex);
    tree.Remove(dir, name);  // even an entered directory without content, which the log knows nothing of
  }
  CountDead();
  return sequence;
}

Result<Sequence> FileDictionary::Impl::Rename(DirId from_dir, std::string_view from, DirId to_dir,
                                              std::string_view to) {
  std::unique_lock append(append_mutex);
  const Target source = TRY(Look(from_dir, from));
  const Target target = TRY(Look(to_dir, to));
  // The kernel does not rename into or out of a removed directory; if it ever seems so, one side just goes.
  if (!source.path || !target.path) {
    append.unlock();
    if (target.path) return Remove(to_dir, to);
    return Remove(from_dir, from);
  }
  Sequence sequence = 0;
  if (source.holds || target.holds) {
    TRY(CheckLoggable(source));
    TRY(CheckLoggable(target));
    sequence = TRY(Append({.kind = Kind::kRename, .path = *source.path, .to = *target.path}));
    NoteMove(source, target);
  }
  {
    std::unique_lock lock(tree_mutex);
    tree.Rename(from_dir, from, to_dir, to);
  }
  CountDead();
  return sequence;
}

Result<Sequence> FileDictionary::Impl::Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b) {
  std::lock_guard append(append_mutex);
  const Target first = TRY(Look(a_dir, a));
  const Target second = TRY(Look(b_dir, b));
  if (!first.path || !second.path) return Sequence{0};
  Sequence sequence = 0;
  if (first.holds || second.holds) {
    TRY(CheckLoggable(first));
    TRY(CheckLoggable(second));
    sequence = TRY(Append({.kind = Kind::kExchange, .path = *first.path, .to = *second.path}));
    NoteMove(first, second);
    NoteMove(second, first);
  }
  {
    std::unique_lock lock(tree_mutex);
    tree.Exchange(a_dir, a, b_dir, b);
  }
  CountDead();
  return sequence;
}

Result<Sequence> FileDictionary::Impl::AppendMark(LogMark mark) {
  std::lock_guard append(append_mutex);
  return Append({.kind = Kind::kMark, .mark = mark});
}

// ---------------------------------------------------------------------------------------------- FileDictionary itself

FileDictionary::FileDictionary(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileDictionary::~FileDictionary() {
  impl_->Stop();
}

const FileDictionary::Report& FileDictionary::report() const {
  return impl_->report;
}

FileDictionary::Statistics FileDictionary::statistics() const {
  Statistics statistics;
  {
    std::shared_lock lock(impl_->tree_mutex);
    statistics.names = impl_->tree.name_count();
    statistics.records = impl_->tree.record_count();
    statistics.memory_bytes = impl_->tree.memory_bytes();
  }
  {
    std::lock_guard lock(impl_->log_pointer_mutex);
    if (impl_->log) {
      statistics.log_bytes = impl_->log->end_bytes();
      statistics.log_records = impl_->log->records();
      statistics.generation = impl_->log->generation();
    }
  }
  statistics.dead_records = impl_->dead;
  statistics.appends = impl_->appends;
  statistics.flushes = impl_->commit.flushes();
  statistics.compactions = impl_->compactions;
  statistics.failed_appends = impl_->failed_appends;
  statistics.failed_compactions = impl_->failed_compactions;
  statistics.last = impl_->last;
  statistics.durable = impl_->commit.durable();
  return statistics;
}

DirId FileDictionary::Enter(DirId parent, std::string_view name) {
  {
    std::unique_lock lock(impl_->tree_mutex);
    if (!impl_->tree.Find(parent, name)) return impl_->tree.Enter(parent, name);
  }
  // A file of this name is a stale entry: a directory is there now. That it goes is worth a record, but not an error.
  (void)impl_->Remove(parent, name);
  std::unique_lock lock(impl_->tree_mutex);
  return impl_->tree.Enter(parent, name);
}

void FileDictionary::Leave(DirId dir) {
  std::unique_lock lock(impl_->tree_mutex);
  impl_->tree.Unpin(dir);
}

std::optional<RecordId> FileDictionary::Find(DirId dir, std::string_view name) {
  std::unique_lock lock(impl_->tree_mutex);
  const std::optional<RecordId> found = impl_->tree.Find(dir, name);
  if (found) impl_->tree.Pin(*found);
  return found;
}

std::optional<FileRecord> FileDictionary::FindPath(std::string_view path) const {
  std::shared_lock lock(impl_->tree_mutex);
  const std::optional<RecordId> found = impl_->tree.FindPath(path);
  if (!found) return std::nullopt;
  return impl_->tree.Record(*found);
}

std::optional<RecordId> FileDictionary::FindRecord(std::string_view path) const {
  std::shared_lock lock(impl_->tree_mutex);
  return impl_->tree.FindPath(path);
}

void FileDictionary::Unpin(RecordId record) {
  std::unique_lock lock(impl_->tree_mutex);
  impl_->tree.Unpin(record);
}

FileRecord FileDictionary::Get(RecordId record) const {
  std::shared_lock lock(impl_->tree_mutex);
  return impl_->tree.Record(record);
}

std::optional<std::string> FileDictionary::PathOf(DirId dir, std::string_view name) const {
  std::shared_lock lock(impl_->tree_mutex);
  return impl_->tree.PathOf(dir, name);
}

std::optional<std::string> FileDictionary::PathOf(RecordId record) const {
  std::shared_lock lock(impl_->tree_mutex);
  return impl_->tree.PathOf(record);
}

Result<FileDictionary::Change> FileDictionary::Insert(DirId dir, std::string_view name, const FileRecord& record) {
  const Change change = TRY(impl_->Insert(dir, name, record));
  impl_->AfterChange();
  return change;
}

Result<FileDictionary::Change> FileDictionary::Link(DirId dir, std::string_view name, RecordId existing) {
  const Change change = TRY(impl_->Link(dir, name, existing));
  impl_->AfterChange();
  return change;
}

Result<Sequence> FileDictionary::Update(RecordId id, const FileRecord& record) {
  const Sequence sequence = TRY(impl_->Update(id, record));
  impl_->AfterChange();
  return sequence;
}

Result<Sequence> FileDictionary::Remove(DirId dir, std::string_view name) {
  const Sequence sequence = TRY(impl_->Remove(dir, name));
  impl_->AfterChange();
  return sequence;
}

Result<Sequence> FileDictionary::Rename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to) {
  const Sequence sequence = TRY(impl_->Rename(from_dir, from, to_dir, to));
  impl_->AfterChange();
  return sequence;
}

Result<Sequence> FileDictionary::Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b) {
  const Sequence sequence = TRY(impl_->Exchange(a_dir, a, b_dir, b));
  impl_->AfterChange();
  return sequence;
}

Status FileDictionary::Flush(Sequence sequence) {
  return impl_->commit.Flush(sequence);
}
void FileDictionary::StartFlush(Sequence sequence) {
  impl_->commit.StartFlush(sequence);
}
Sequence FileDictionary::last() const {
  return impl_->last;
}
Status FileDictionary::Compact() {
  return impl_->Compact(Impl::Reason::kAsked);
}

Status FileDictionary::MarkInUse() {
  const Sequence sequence = TRY(impl_->AppendMark(LogMark::kInUse));
  return impl_->commit.Flush(sequence);
}

Status FileDictionary::MarkClean(bool healed) {
  const Sequence sequence = TRY(impl_->AppendMark(healed ? LogMark::kClean : LogMark::kCleanUnhealed));
  return impl_->commit.Flush(sequence);
}

void FileDictionary::ForEach(
    const std::function<bool(const std::string& path, RecordId, const FileRecord&, bool first)>& visit) const {
  std::unique_ptr<FileTreeSnapshot> snapshot;
  {
    std::unique_lock lock(impl_->tree_mutex);
    snapshot = impl_->tree.Freeze();
  }
  snapshot->ForEach(visit);
  std::unique_lock lock(impl_->tree_mutex);
  impl_->tree.Thaw(std::move(snapshot));
}

}  // namespace tdefs
