#include "keys/log_replay.h"

#include <fmt/core.h>

#include <algorithm>

namespace tdefs {

LogReplay::LogReplay(FileTree& tree) : tree_(tree), directories_{FileTree::kRoot} {}

LogReplay::~LogReplay() {
  LeaveEntered();
  for (RecordId id : shared_) tree_.Unpin(id);
  // Last to first, so that an empty directory goes before its parent.
  while (!directories_.empty()) {
    tree_.Unpin(directories_.back());
    directories_.pop_back();
  }
}

void LogReplay::LeaveEntered() {
  if (entered_) tree_.Unpin(*entered_);
  entered_.reset();
}

DirId LogReplay::PinDirectoryOf(std::string_view path, size_t name_start) {
  DirId dir = FileTree::kRoot;
  for (size_t start = 1; start < name_start;) {
    const size_t end = path.find('/', start);
    const DirId child = tree_.Enter(dir, path.substr(start, end - start));
    tree_.Unpin(dir);  // it has a child now
    dir = child;
    start = end + 1;
  }
  return dir;
}

LogReplay::Place LogReplay::Enter(std::string_view path) {
  const size_t name_start = path.rfind('/') + 1;
  const std::string_view directory = path.substr(0, name_start);
  if (!entered_ || entered_path_ != directory) {
    const DirId dir = PinDirectoryOf(path, name_start);
    LeaveEntered();
    entered_ = dir;
    entered_path_ = directory;
  }
  return {*entered_, path.substr(name_start)};
}

Status LogReplay::Apply(ByteView body) {
  ByteReader reader(body);
  while (reader.remaining() > 0) {
    const LogChange change = TRY(DecodeLogChange(reader));
    clean_.reset();
    if (change.kind == LogChangeKind::kMark) {
      if (change.mark != LogMark::kInUse) clean_ = change.mark == LogMark::kClean;
      continue;
    }
    if (change.kind >= LogChangeKind::kDirectory) {
      TRY(ApplyListing(change));
    } else {
      listing_ = false;
      NoteLength(change);
      ApplyChange(change);
      ++changes_;
    }
  }
  return {};
}

Status LogReplay::ApplyListing(const LogChange& change) {
  if (!listing_) return Fail(ErrorCode::kCorrupt, "malformed change: a listing in the middle of the log");
  if (change.directory >= directories_.size()) {
    return Fail(ErrorCode::kCorrupt, fmt::format("malformed change: directory {} of {} listed so far", change.directory,
                                                 directories_.size()));
  }
  const DirId dir = directories_[change.directory];
  // A listing names each place once, so nothing that was listed is ever replaced.
  if (tree_.Find(dir, change.path) || tree_.FindDir(dir, change.path)) {
    return Fail(ErrorCode::kCorrupt, "malformed change: a name is listed twice");
  }
  const size_t path_bytes = directory_bytes_[change.directory] + 1 + change.path.size();
  longest_path_bytes_ = std::max(longest_path_bytes_, path_bytes);
  switch (change.kind) {
    case LogChangeKind::kDirectory:
      directory_bytes_.push_back(path_bytes);
      directories_.push_back(tree_.Enter(dir, change.path));
      return {};
    case LogChangeKind::kSharedFile:
      shared_.push_back(tree_.Insert(dir, change.path, change.record));
      tree_.Pin(shared_.back());
      break;
    case LogChangeKind::kSharedName:
      if (change.shared >= shared_.size()) {
        return Fail(ErrorCode::kCorrupt,
                    fmt::format("malformed change: shared file {} of {} listed so far", change.shared, shared_.size()));
      }
      tree_.Link(dir, change.path, shared_[change.shared]);
      break;
    default:
      tree_.Insert(dir, change.path, change.record);
  }
  ++changes_;
  return {};
}

// What a move adds to the length of one path it may add to the longest.
void LogReplay::NoteLength(const LogChange& change) {
  const size_t path = change.path.size(), to = change.to.size();
  if (change.kind == LogChangeKind::kRename || change.kind == LogChangeKind::kExchange) {
    longest_path_bytes_ +=
        change.kind == LogChangeKind::kRename ? std::max(to, path) - path : std::max(to, path) - std::min(to, path);
  } else if (change.kind == LogChangeKind::kInsert || change.kind == LogChangeKind::kLink) {
    longest_path_bytes_ = std::max({longest_path_bytes_, change.kind == LogChangeKind::kLink ? to : path});
  }
}

void LogReplay::ApplyLink(const LogChange& change) {
  const std::optional<RecordId> existing = tree_.FindPath(change.path);
  if (existing) tree_.Pin(*existing);
  const Place to = Enter(change.to);
  if (existing) {
    tree_.Link(to.dir, to.name, *existing);
    tree_.Unpin(*existing);
  } else {
    ++unknown_names_;
    tree_.Remove(to.dir, to.name);
  }
}

// Inserts and links may keep the entered directory: what they replace is a child of it, never one of its parents. All
// else leaves it first.
void LogReplay::ApplyChange(const LogChange& change) {
  if (change.kind == LogChangeKind::kInsert) {
    const Place at = Enter(change.path);
    tree_.Insert(at.dir, at.name, change.record);
    return;
  }
  if (change.kind == LogChangeKind::kLink) return ApplyLink(change);
  LeaveEntered();
  if (change.kind == LogChangeKind::kUpdate) {
    const std::optional<RecordId> id = tree_.FindPath(change.path);
    if (id) tree_.SetRecord(*id, change.record);
    if (!id) ++unknown_names_;
    return;
  }
  const Place at = Enter(change.path);
  if (change.kind == LogChangeKind::kRemove) {
    if (!tree_.Remove(at.dir, at.name)) ++unknown_names_;
    LeaveEntered();
    return;
  }
  const size_t to_start = change.to.rfind('/') + 1;
  const DirId to_dir = PinDirectoryOf(change.to, to_start);
  const std::string_view to_name = change.to.substr(to_start);
  if (change.kind == LogChangeKind::kRename) {
    tree_.Rename(at.dir, at.name, to_dir, to_name);
  } else {
    tree_.Exchange(at.dir, at.name, to_dir, to_name);
  }
  tree_.Unpin(to_dir);
  LeaveEntered();
}

}  // namespace tdefs
