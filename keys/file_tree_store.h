// FileTreeStore: the node and record store of FileTree: allocation, sibling lists, name lists, index, and what goes
// when the last reference goes. It keeps the structure sound; FileTree gives it the meaning of file operations.
#pragma once

#include <string_view>

#include "keys/file_tree_arrays.h"
#include "keys/file_tree_index.h"

namespace tdefs {

class FileTreeStore {
 public:
  static constexpr uint32_t kRootNode = 0;

  FileTreeStore();

  const TreeNode& node(uint32_t index) const { return arrays_.nodes[index]; }
  const TreeRecord& record(uint32_t index) const { return arrays_.records[index]; }
  TreeRecord& EditRecord(uint32_t index) { return arrays_.records.Edit(index); }
  TreeArrays& arrays() { return arrays_; }
  const TreeArrays& arrays() const { return arrays_; }
  std::string_view NameOf(uint32_t node_index) const { return arrays_.names.Get(node(node_index).name); }

  // The child, or kNoIndex.
  uint32_t Child(uint32_t parent, std::string_view name) const;
  // Requires: no child of the name. The new nodes are a directory without pins, and a name of the record.
  uint32_t AddDirectory(uint32_t parent, std::string_view name);
  uint32_t AddFile(uint32_t parent, std::string_view name, uint32_t record_index);
  // Moves a node to a new place, where nothing stands. The old parent is not pruned.
  void Move(uint32_t node_index, uint32_t parent, std::string_view name);
  // Removes a node and all below it. Pinned directories stay, each alone, without parent.
  void RemoveSubtree(uint32_t node_index);
  // Frees a directory without children and pins, and then its parents as far as the same is true of them.
  void Prune(uint32_t directory);
  void PinDirectory(uint32_t node_index) { ++arrays_.nodes.Edit(node_index).directory.pins; }
  void UnpinDirectory(uint32_t node_index);

  uint32_t AddRecord(const FileRecord& file_record);  // no name, one pin
  void PinRecord(uint32_t index) { ++arrays_.records.Edit(index).pins; }
  void UnpinRecord(uint32_t index);

  // True if `inner` is `outer` or somewhere below it.
  bool IsWithin(uint32_t inner, uint32_t outer) const;

  uint64_t name_count() const { return name_count_; }
  uint64_t record_count() const { return record_count_; }
  uint64_t memory_bytes() const;

 private:
  uint32_t AddNode(uint32_t parent, std::string_view name, NodeKind kind);
  void FreeNode(uint32_t node_index);
  void LinkSibling(uint32_t node_index, uint32_t parent);
  void UnlinkSibling(uint32_t node_index);
  void LinkName(uint32_t node_index, uint32_t record_index);
  void UnlinkName(uint32_t node_index);
  void RemoveLeaf(uint32_t node_index);
  void DetachFromParent(uint32_t node_index);
  void FreeRecordIfUnused(uint32_t index);

  TreeArrays arrays_;
  NameIndex index_;
  uint32_t free_node_ = kNoIndex, free_record_ = kNoIndex;
  uint32_t fresh_node_ = 0, fresh_record_ = 0;  // first that was never used
  uint64_t name_count_ = 0, record_count_ = 0;
};

}  // namespace tdefs
