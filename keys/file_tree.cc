#include "keys/file_tree.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "keys/file_tree_store.h"

namespace tdefs {
namespace {

constexpr uint32_t Index(DirId dir) {
  return static_cast<uint32_t>(dir);
}
constexpr uint32_t Index(RecordId id) {
  return static_cast<uint32_t>(id);
}

// Calls visit(component) for each name of an absolute path until it returns false.
template <typename Visit>
void ForEachComponent(std::string_view path, Visit&& visit) {
  size_t start = 1;
  while (start < path.size()) {
    const size_t end = std::min(path.find('/', start), path.size());
    if (!visit(path.substr(start, end - start), end == path.size())) return;
    start = end + 1;
  }
}

void WalkArrays(const TreeArrays& arrays, const FileTreeSnapshot::Visitor& visitor) {
  std::unordered_set<uint32_t> seen;  // only records with several names
  uint32_t at = arrays.nodes[FileTreeStore::kRootNode].directory.first_child;
  while (at != kNoIndex) {
    const TreeNode* node = &arrays.nodes[at];
    const std::string_view name = arrays.names.Get(node->name);
    if (node->kind == NodeKind::kDirectory && node->directory.first_child != kNoIndex) {
      visitor.enter(name);
      at = node->directory.first_child;
      continue;
    }
    if (node->kind == NodeKind::kFile) {
      const bool shared = node->file.next_name != kNoIndex || node->file.prev_name != kNoIndex;
      const bool first = !shared || seen.insert(node->file.record).second;
      const FileRecord& record = arrays.records[node->file.record].record;
      if (!visitor.file(name, RecordId{node->file.record}, record, shared, first)) return;
    }
    while (node->next == kNoIndex) {
      if (node->parent == FileTreeStore::kRootNode) return;
      visitor.leave();
      node = &arrays.nodes[node->parent];
    }
    at = node->next;
  }
}

using PathVisit = std::function<bool(const std::string&, RecordId, const FileRecord&, bool)>;

void WalkPaths(const TreeArrays& arrays, const PathVisit& visit) {
  std::string path;
  std::vector<size_t> lengths;  // of the path at each enclosing directory
  FileTreeSnapshot::Visitor visitor;
  visitor.enter = [&](std::string_view name) {
    lengths.push_back(path.size());
    path.append("/").append(name);
  };
  visitor.leave = [&] {
    path.resize(lengths.back());
    lengths.pop_back();
  };
  visitor.file = [&](std::string_view name, RecordId id, const FileRecord& record, bool, bool first) {
    const size_t length = path.size();
    path.append("/").append(name);
    const bool go_on = visit(path, id, record, first);
    path.resize(length);
    return go_on;
  };
  WalkArrays(arrays, visitor);
}

}  // namespace

struct FileTreeSnapshot::Impl {
  TreeArrays arrays;
  uint64_t name_count = 0;
};

FileTreeSnapshot::FileTreeSnapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileTreeSnapshot::~FileTreeSnapshot() = default;
void FileTreeSnapshot::Walk(const Visitor& visitor) const {
  WalkArrays(impl_->arrays, visitor);
}
void FileTreeSnapshot::ForEach(const PathVisit& visit) const {
  WalkPaths(impl_->arrays, visit);
}
uint64_t FileTreeSnapshot::name_count() const {
  return impl_->name_count;
}

struct FileTree::Impl {
  FileTreeStore store;
  int snapshots = 0;

  // Removes what stands at the name. Does not prune `dir`: something is about to be put there, or the caller prunes.
  bool Clear(uint32_t dir, std::string_view name) {
    const uint32_t node = store.Child(dir, name);
    if (node == kNoIndex) return false;
    store.RemoveSubtree(node);
    return true;
  }
  bool IsFile(uint32_t node) const { return node != kNoIndex && store.node(node).kind == NodeKind::kFile; }
};

FileTree::FileTree() : impl_(std::make_unique<Impl>()) {}
FileTree::~FileTree() = default;

DirId FileTree::Enter(DirId parent, std::string_view name) {
  FileTreeStore& store = impl_->store;
  uint32_t node = store.Child(Index(parent), name);
  if (impl_->IsFile(node)) {
    store.RemoveSubtree(node);
    node = kNoIndex;
  }
  if (node == kNoIndex) node = store.AddDirectory(Index(parent), name);
  store.PinDirectory(node);
  return DirId{node};
}

void FileTree::Unpin(DirId dir) {
  if (dir != kRoot) impl_->store.UnpinDirectory(Index(dir));
}

std::optional<DirId> FileTree::FindDir(DirId parent, std::string_view name) const {
  const uint32_t node = impl_->store.Child(Index(parent), name);
  if (node == kNoIndex || impl_->IsFile(node)) return std::nullopt;
  return DirId{node};
}

std::optional<RecordId> FileTree::Find(DirId dir, std::string_view name) const {
  const uint32_t node = impl_->store.Child(Index(dir), name);
  if (!impl_->IsFile(node)) return std::nullopt;
  return RecordId{impl_->store.node(node).file.record};
}

bool FileTree::Holds(DirId dir, std::string_view name) const {
  const uint32_t node = impl_->store.Child(Index(dir), name);
  return node != kNoIndex && (impl_->IsFile(node) || impl_->store.node(node).directory.first_child != kNoIndex);
}

std::optional<RecordId> FileTree::FindPath(std::string_view path) const {
  if (!path.starts_with('/')) return std::nullopt;
  std::optional<DirId> dir = kRoot;
  std::optional<RecordId> found;
  ForEachComponent(path, [&](std::string_view name, bool last) {
    if (last) {
      found = Find(*dir, name);
    } else {
      dir = FindDir(*dir, name);
    }
    return dir.has_value();
  });
  return found;
}

const FileRecord& FileTree::Record(RecordId id) const {
  return impl_->store.record(Index(id)).record;
}
void FileTree::SetRecord(RecordId id, const FileRecord& record) {
  impl_->store.EditRecord(Index(id)).record = record;
}
void FileTree::Pin(RecordId id) {
  impl_->store.PinRecord(Index(id));
}
void FileTree::Unpin(RecordId id) {
  impl_->store.UnpinRecord(Index(id));
}

RecordId FileTree::Insert(DirId dir, std::string_view name, const FileRecord& record) {
  impl_->Clear(Index(dir), name);
  FileTreeStore& store = impl_->store;
  const uint32_t index = store.AddRecord(record);
  store.AddFile(Index(dir), name, index);
  store.UnpinRecord(index);  // the name holds it now
  return RecordId{index};
}

void FileTree::Link(DirId dir, std::string_view name, RecordId existing) {
  if (Find(dir, name) == existing) return;
  FileTreeStore& store = impl_->store;
  store.PinRecord(Index(existing));  // its last name may be below what is cleared
  impl_->Clear(Index(dir), name);
  store.AddFile(Index(dir), name, Index(existing));
  store.UnpinRecord(Index(existing));
}

bool FileTree::Remove(DirId dir, std::string_view name) {
  const bool removed = impl_->Clear(Index(dir), name);
  if (removed) impl_->store.Prune(Index(dir));
  return removed;
}

bool FileTree::Rename(DirId from_dir, std::string_view from, DirId to_dir, std::string_view to) {
  FileTreeStore& store = impl_->store;
  const uint32_t source = store.Child(Index(from_dir), from);
  const uint32_t target = store.Child(Index(to_dir), to);
  if (source == kNoIndex) {
    Remove(to_dir, to);
    return false;
  }
  if (source == target) return true;
  if (impl_->IsFile(source) && impl_->IsFile(target) &&
      store.node(source).file.record == store.node(target).file.record) {
    return true;
  }
  if (store.IsWithin(Index(to_dir), source) || (target != kNoIndex && store.IsWithin(source, target))) return true;
  if (target != kNoIndex) store.RemoveSubtree(target);
  store.Move(source, Index(to_dir), to);
  store.Prune(Index(from_dir));
  return true;
}

void FileTree::Exchange(DirId a_dir, std::string_view a, DirId b_dir, std::string_view b) {
  FileTreeStore& store = impl_->store;
  const uint32_t node_a = store.Child(Index(a_dir), a);
  const uint32_t node_b = store.Child(Index(b_dir), b);
  if (node_a == node_b) return;  // both absent, or one name
  if (node_a != kNoIndex && store.IsWithin(Index(b_dir), node_a)) return;
  if (node_b != kNoIndex && store.IsWithin(Index(a_dir), node_b)) return;
  // Two children of one name in one parent must not meet, so a steps aside under a name that no file can have.
  constexpr std::string_view kAside = "/";
  if (node_a != kNoIndex) store.Move(node_a, FileTreeStore::kRootNode, kAside);
  if (node_b != kNoIndex) store.Move(node_b, Index(a_dir), a);
  if (node_a != kNoIndex) store.Move(node_a, Index(b_dir), b);
  store.Prune(node_a == kNoIndex ? Index(b_dir) : Index(a_dir));
}

bool FileTree::IsReachable(DirId dir) const {
  return impl_->store.IsWithin(Index(dir), FileTreeStore::kRootNode);
}

std::optional<std::string> FileTree::PathOf(DirId dir) const {
  const FileTreeStore& store = impl_->store;
  std::vector<uint32_t> chain;
  uint32_t at = Index(dir);
  size_t length = 0;
  for (; at != FileTreeStore::kRootNode; at = store.node(at).parent) {
    if (store.node(at).parent == kNoIndex) return std::nullopt;
    chain.push_back(at);
    length += store.NameOf(at).size() + 1;
  }
  if (chain.empty()) return "/";
  std::string path;
  path.reserve(length);
  for (auto link = chain.rbegin(); link != chain.rend(); ++link) path.append("/").append(store.NameOf(*link));
  return path;
}

std::optional<std::string> FileTree::PathOf(DirId dir, std::string_view name) const {
  std::optional<std::string> path = PathOf(dir);
  if (!path) return std::nullopt;
  if (dir != kRoot) path->append("/");
  path->append(name);
  return path;
}

std::optional<std::string> FileTree::PathOf(RecordId id) const {
  const FileTreeStore& store = impl_->store;
  for (uint32_t name = store.record(Index(id)).first_name; name != kNoIndex; name = store.node(name).file.next_name) {
    if (auto path = PathOf(DirId{store.node(name).parent}, store.NameOf(name))) return path;
  }
  return std::nullopt;
}

std::unique_ptr<FileTreeSnapshot> FileTree::Freeze() {
  TreeArrays& arrays = impl_->store.arrays();
  auto frozen = std::make_unique<FileTreeSnapshot::Impl>();
  frozen->arrays = {arrays.nodes.Freeze(), arrays.records.Freeze(), arrays.names.Freeze()};
  frozen->name_count = name_count();
  ++impl_->snapshots;
  return std::unique_ptr<FileTreeSnapshot>(new FileTreeSnapshot(std::move(frozen)));
}

void FileTree::Thaw(std::unique_ptr<FileTreeSnapshot> snapshot) {
  snapshot.reset();
  if (--impl_->snapshots > 0) return;
  TreeArrays& arrays = impl_->store.arrays();
  arrays.nodes.Thaw();
  arrays.records.Thaw();
  arrays.names.Thaw();
}

void FileTree::ForEach(const PathVisit& visit) const {
  WalkPaths(impl_->store.arrays(), visit);
}

uint64_t FileTree::name_count() const {
  return impl_->store.name_count();
}
uint64_t FileTree::record_count() const {
  return impl_->store.record_count();
}
uint64_t FileTree::memory_bytes() const {
  return impl_->store.memory_bytes();
}

}  // namespace tdefs
