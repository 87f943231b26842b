// How long paths may be: a record of the log holds two of at most kLogPathBytesMax bytes.
//
// A new name is refused when its path is longer. A directory that moves takes paths along that no record names, so the
// move is refused beforehand where one of them would become too long. To ask that of a directory of a million files
// costs nothing as a rule: the longest path of all is known as a bound, which grows with each move that makes paths
// longer; only where the bound does not tell are the names gone through, and then the bound is exact again.
#include <fmt/core.h>

#include <algorithm>

#include "keys/file_dictionary_impl.h"

namespace tdefs {

// A path that is to be written to the log. What was never recorded (a directory without files) may lie deeper.
Status FileDictionary::Impl::CheckLoggable(const Target& target) {
  if (!target.path || target.path->size() <= kLogPathBytesMax) return {};
  return FailErrno(ENAMETOOLONG,
                   fmt::format("file dictionary: path of {} bytes, at most {}", target.path->size(), kLogPathBytesMax));
}

void FileDictionary::Impl::NotePath(const Target& target) {
  if (target.path) longest_path_bytes = std::max(longest_path_bytes, target.path->size());
}

void FileDictionary::Impl::NoteMove(const Target& from, const Target& to) {
  longest_path_bytes += std::max(to.path->size(), from.path->size()) - from.path->size();
}

FileDictionary::Impl::LongestPaths FileDictionary::Impl::FindLongestPaths(std::string_view top) {
  std::unique_ptr<FileTreeSnapshot> snapshot;
  {
    std::unique_lock lock(tree_mutex);
    snapshot = tree.Freeze();
  }
  LongestPaths longest;
  snapshot->ForEach([&](const std::string& path, RecordId, const FileRecord&, bool) {
    longest.all_bytes = std::max(longest.all_bytes, path.size());
    const bool below = path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
    if (below) longest.below_bytes = std::max(longest.below_bytes, path.size());
    return true;
  });
  std::unique_lock lock(tree_mutex);
  tree.Thaw(std::move(snapshot));
  return longest;
}

Status FileDictionary::Impl::CheckMove(const Target& from, const Target& to) {
  if (!from.path || !to.path || (!from.holds && !to.holds)) return {};
  TRY(CheckLoggable(from));
  TRY(CheckLoggable(to));
  if (!from.holds || to.path->size() <= from.path->size()) return {};
  const size_t growth = to.path->size() - from.path->size();
  Sequence seen;
  {
    std::lock_guard append(append_mutex);
    if (longest_path_bytes + growth <= kLogPathBytesMax) return {};
    seen = last;
  }
  const LongestPaths longest = FindLongestPaths(*from.path);
  {
    std::lock_guard append(append_mutex);
    if (last == seen) longest_path_bytes = longest.all_bytes;
  }
  if (longest.below_bytes + growth <= kLogPathBytesMax) return {};
  return FailErrno(ENAMETOOLONG, fmt::format("file dictionary: a path below would have {} bytes, at most {}",
                                             longest.below_bytes + growth, kLogPathBytesMax));
}

Status FileDictionary::CheckLink(DirId dir, std::string_view name) const {
  return Impl::CheckLoggable(TRY(impl_->Look(dir, name)));
}

Status FileDictionary::CheckRename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to) {
  const Impl::Target source = TRY(impl_->Look(from_dir, from));
  return impl_->CheckMove(source, TRY(impl_->Look(to_dir, to)));
}

Status FileDictionary::CheckExchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b) {
  const Impl::Target first = TRY(impl_->Look(a_dir, a));
  const Impl::Target second = TRY(impl_->Look(b_dir, b));
  TRY(impl_->CheckMove(first, second));
  return impl_->CheckMove(second, first);
}

}  // namespace tdefs
