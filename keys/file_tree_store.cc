#include "keys/file_tree_store.h"

#include <cstdlib>

namespace tdefs {

FileTreeStore::FileTreeStore() {
  // The root: the first node, under no name in the index.
  arrays_.nodes.AddChunk();
  fresh_node_ = 1;
  TreeNode& root = arrays_.nodes.Edit(kRootNode);
  root = {.parent = kNoIndex,
          .name = arrays_.names.Add(""),
          .next = kNoIndex,
          .prev = kNoIndex,
          .kind = NodeKind::kDirectory,
          .directory = {.first_child = kNoIndex, .pins = 1}};
}

uint32_t FileTreeStore::Child(uint32_t parent, std::string_view name) const {
  return index_.Find(index_.Hash(parent, name),
                     [&](uint32_t candidate) { return node(candidate).parent == parent && NameOf(candidate) == name; });
}

uint32_t FileTreeStore::AddNode(uint32_t parent, std::string_view name, NodeKind kind) {
  uint32_t added = free_node_;
  if (added != kNoIndex) {
    free_node_ = node(added).next;
  } else {
    added = fresh_node_;
    if (added == kNoIndex - 1) std::abort();  // four billion names: memory ends long before
    if (added == arrays_.nodes.capacity()) arrays_.nodes.AddChunk();
    ++fresh_node_;
  }
  TreeNode& made = arrays_.nodes.Edit(added);
  made.kind = kind;
  made.name = arrays_.names.Add(name);
  LinkSibling(added, parent);
  index_.Insert(index_.Hash(parent, name), added);
  return added;
}

void FileTreeStore::FreeNode(uint32_t node_index) {
  TreeNode& freed = arrays_.nodes.Edit(node_index);
  arrays_.names.Free(freed.name);
  freed.kind = NodeKind::kFree;
  freed.next = free_node_;
  free_node_ = node_index;
}

uint32_t FileTreeStore::AddDirectory(uint32_t parent, std::string_view name) {
  const uint32_t added = AddNode(parent, name, NodeKind::kDirectory);
  arrays_.nodes.Edit(added).directory = {.first_child = kNoIndex, .pins = 0};
  return added;
}

uint32_t FileTreeStore::AddFile(uint32_t parent, std::string_view name, uint32_t record_index) {
  const uint32_t added = AddNode(parent, name, NodeKind::kFile);
  LinkName(added, record_index);
  ++name_count_;
  return added;
}

void FileTreeStore::LinkSibling(uint32_t node_index, uint32_t parent) {
  TreeNode::Directory& directory = arrays_.nodes.Edit(parent).directory;
  const uint32_t next = directory.first_child;
  directory.first_child = node_index;
  if (next != kNoIndex) arrays_.nodes.Edit(next).prev = node_index;
  TreeNode& linked = arrays_.nodes.Edit(node_index);
  linked.parent = parent;
  linked.prev = kNoIndex;
  linked.next = next;
}

void FileTreeStore::UnlinkSibling(uint32_t node_index) {
  TreeNode& unlinked = arrays_.nodes.Edit(node_index);
  if (unlinked.prev != kNoIndex) {
    arrays_.nodes.Edit(unlinked.prev).next = unlinked.next;
  } else {
    arrays_.nodes.Edit(unlinked.parent).directory.first_child = unlinked.next;
  }
  if (unlinked.next != kNoIndex) arrays_.nodes.Edit(unlinked.next).prev = unlinked.prev;
  unlinked.parent = kNoIndex;
}

void FileTreeStore::DetachFromParent(uint32_t node_index) {
  const uint32_t parent = node(node_index).parent;
  if (parent == kNoIndex) return;
  index_.Remove(index_.Hash(parent, NameOf(node_index)), node_index);
  UnlinkSibling(node_index);
}

void FileTreeStore::LinkName(uint32_t node_index, uint32_t record_index) {
  TreeRecord& named = arrays_.records.Edit(record_index);
  const uint32_t next = named.first_name;
  named.first_name = node_index;
  if (next != kNoIndex) arrays_.nodes.Edit(next).file.prev_name = node_index;
  arrays_.nodes.Edit(node_index).file = {.record = record_index, .next_name = next, .prev_name = kNoIndex};
}

void FileTreeStore::UnlinkName(uint32_t node_index) {
  const TreeNode::File file = node(node_index).file;
  if (file.prev_name != kNoIndex) {
    arrays_.nodes.Edit(file.prev_name).file.next_name = file.next_name;
  } else {
    arrays_.records.Edit(file.record).first_name = file.next_name;
  }
  if (file.next_name != kNoIndex) arrays_.nodes.Edit(file.next_name).file.prev_name = file.prev_name;
  FreeRecordIfUnused(file.record);
}

void FileTreeStore::Move(uint32_t node_index, uint32_t parent, std::string_view name) {
  DetachFromParent(node_index);
  // The new name first: `name` may be a view of the old one.
  const NameArena::Ref new_name = arrays_.names.Add(name);
  TreeNode& moved = arrays_.nodes.Edit(node_index);
  arrays_.names.Free(moved.name);
  moved.name = new_name;
  LinkSibling(node_index, parent);
  index_.Insert(index_.Hash(parent, NameOf(node_index)), node_index);
}

void FileTreeStore::RemoveLeaf(uint32_t node_index) {
  DetachFromParent(node_index);
  const TreeNode& removed = node(node_index);
  if (removed.kind == NodeKind::kFile) {
    UnlinkName(node_index);
    --name_count_;
    FreeNode(node_index);
  } else if (removed.directory.pins == 0) {
    FreeNode(node_index);
  }
}

void FileTreeStore::RemoveSubtree(uint32_t node_index) {
  // Always the deepest first child, then back to its parent: no recursion, whatever the depth.
  uint32_t at = node_index;
  while (true) {
    const TreeNode& current = node(at);
    if (current.kind == NodeKind::kDirectory && current.directory.first_child != kNoIndex) {
      at = current.directory.first_child;
      continue;
    }
    const uint32_t parent = current.parent;
    RemoveLeaf(at);
    if (at == node_index) return;
    at = parent;
  }
}

void FileTreeStore::Prune(uint32_t directory) {
  while (directory != kRootNode) {
    const TreeNode& current = node(directory);
    if (current.directory.pins > 0) return;
    const uint32_t parent = current.parent;
    if (parent == kNoIndex) {  // unreachable and let go: whatever was put into it since goes too
      RemoveSubtree(directory);
      return;
    }
    if (current.directory.first_child != kNoIndex) return;
    DetachFromParent(directory);
    FreeNode(directory);
    directory = parent;
  }
}

void FileTreeStore::UnpinDirectory(uint32_t node_index) {
  TreeNode& directory = arrays_.nodes.Edit(node_index);
  if (directory.kind != NodeKind::kDirectory || directory.directory.pins == 0) std::abort();
  --directory.directory.pins;
  Prune(node_index);
}

uint32_t FileTreeStore::AddRecord(const FileRecord& file_record) {
  uint32_t added = free_record_;
  if (added != kNoIndex) {
    free_record_ = record(added).first_name;
  } else {
    added = fresh_record_;
    if (added == kNoIndex - 1) std::abort();
    if (added == arrays_.records.capacity()) arrays_.records.AddChunk();
    ++fresh_record_;
  }
  arrays_.records.Edit(added) = {.record = file_record, .first_name = kNoIndex, .pins = 1};
  ++record_count_;
  return added;
}

void FileTreeStore::UnpinRecord(uint32_t index) {
  TreeRecord& unpinned = arrays_.records.Edit(index);
  if (unpinned.pins == 0) std::abort();
  --unpinned.pins;
  FreeRecordIfUnused(index);
}

void FileTreeStore::FreeRecordIfUnused(uint32_t index) {
  if (record(index).first_name != kNoIndex || record(index).pins > 0) return;
  arrays_.records.Edit(index).first_name = free_record_;
  free_record_ = index;
  --record_count_;
}

bool FileTreeStore::IsWithin(uint32_t inner, uint32_t outer) const {
  for (uint32_t at = inner; at != kNoIndex; at = node(at).parent) {
    if (at == outer) return true;
  }
  return false;
}

uint64_t FileTreeStore::memory_bytes() const {
  return arrays_.nodes.memory_bytes() + arrays_.records.memory_bytes() + arrays_.names.memory_bytes() +
         index_.memory_bytes();
}

}  // namespace tdefs
