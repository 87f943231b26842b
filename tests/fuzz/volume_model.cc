#include "tests/fuzz/volume_model.h"

#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace tdefs {
namespace {

ModelPtr ChildOf(const ModelPtr& parent, const std::string& name) {
  auto found = parent->children.find(name);
  return found == parent->children.end() ? nullptr : found->second;
}

// Whether `node` is `below` or one of the directories above it.
bool IsAtOrAbove(const ModelPtr& node, const ModelPtr& below) {
  for (const ModelNode* at = below.get(); at != nullptr; at = at->parent) {
    if (at == node.get()) return true;
  }
  return false;
}

}  // namespace

uint64_t ModelNode::Links() const {
  if (!IsDirectory()) return names;
  if (removed) return 0;
  return 2 + static_cast<uint64_t>(
                 std::ranges::count_if(children, [](const auto& child) { return child.second->IsDirectory(); }));
}

uint64_t ModelNode::Size() const {
  return S_ISLNK(type) ? target.size() : content.size();
}

VolumeModel::VolumeModel() : root_(std::make_shared<ModelNode>()) {
  root_->type = S_IFDIR;
}

int VolumeModel::CheckName(const ModelPtr& parent, std::string_view name) const {
  if (name.empty() || name == "." || name == "..") return EINVAL;
  if (name.size() > NAME_MAX) return ENAMETOOLONG;
  if (name.find('/') != std::string_view::npos) return EINVAL;
  return parent == root_ && name == ".tdefs" ? EPERM : 0;
}

int VolumeModel::Lookup(const ModelPtr& parent, const std::string& name, ModelPtr& found) const {
  if (const int error = CheckName(parent, name); error != 0) return error == EPERM ? ENOENT : error;
  if (!parent->IsDirectory()) return ENOTDIR;
  found = ChildOf(parent, name);
  return found ? 0 : ENOENT;
}

int VolumeModel::CheckFree(const ModelPtr& parent, const std::string& name) const {
  if (const int error = CheckName(parent, name); error != 0) return error;
  if (!parent->IsDirectory()) return ENOTDIR;
  if (parent->removed) return ENOENT;
  return ChildOf(parent, name) ? EEXIST : 0;
}

void VolumeModel::Put(const ModelPtr& parent, const std::string& name, const ModelPtr& node) {
  parent->children[name] = node;
  if (node->IsDirectory()) {
    node->parent = parent.get();
  } else {
    ++node->names;
  }
}

// The name goes; so does what it stood for, if that was its last one.
void VolumeModel::Drop(const ModelPtr& parent, const std::string& name) {
  const ModelPtr node = ChildOf(parent, name);
  parent->children.erase(name);
  if (node->IsDirectory()) {
    node->removed = true;
    node->parent = nullptr;
  } else if (--node->names == 0) {
    node->lost = node->IsRegular() && node->open_handles == 0;
  }
}

int VolumeModel::Enter(const ModelPtr& parent, const std::string& name, const ModelPtr& made) {
  if (const int error = CheckFree(parent, name); error != 0) return error;
  Put(parent, name, made);
  return 0;
}

int VolumeModel::Link(const ModelPtr& node, const ModelPtr& parent, const std::string& name) {
  if (const int error = CheckFree(parent, name); error != 0) return error;
  if (node->names == 0 && !node->IsDirectory() && !node->linkable) return ENOENT;
  if (node->IsDirectory()) return EPERM;
  node->linkable = false;
  Put(parent, name, node);
  return 0;
}

int VolumeModel::Unlink(const ModelPtr& parent, const std::string& name) {
  if (const int error = CheckName(parent, name); error != 0) return error;
  if (!parent->IsDirectory()) return ENOTDIR;
  const ModelPtr node = ChildOf(parent, name);
  if (!node) return ENOENT;
  if (node->IsDirectory()) return EISDIR;
  Drop(parent, name);
  return 0;
}

int VolumeModel::RemoveDirectory(const ModelPtr& parent, const std::string& name) {
  if (const int error = CheckName(parent, name); error != 0) return error;
  if (!parent->IsDirectory()) return ENOTDIR;
  const ModelPtr node = ChildOf(parent, name);
  if (!node) return ENOENT;
  if (!node->IsDirectory()) return ENOTDIR;
  if (!node->children.empty()) return ENOTEMPTY;
  Drop(parent, name);
  return 0;
}

int VolumeModel::Rename(const ModelPtr& from_parent, const std::string& from, const ModelPtr& to_parent,
                        const std::string& to, unsigned flags) {
  const bool exchange = (flags & RENAME_EXCHANGE) != 0, keep = (flags & RENAME_NOREPLACE) != 0;
  if (const int error = CheckName(from_parent, from); error != 0) return error;
  if (const int error = CheckName(to_parent, to); error != 0) return error;
  if ((flags & RENAME_WHITEOUT) != 0) return EINVAL;
  if (!from_parent->IsDirectory() || !to_parent->IsDirectory()) return ENOTDIR;
  const ModelPtr source = ChildOf(from_parent, from);
  if (!source) return ENOENT;
  if (exchange && keep) return EINVAL;
  if (to_parent->removed) return ENOENT;
  const ModelPtr target = ChildOf(to_parent, to);
  if (keep && target) return EEXIST;
  if (exchange && !target) return ENOENT;
  if (source == target) return 0;
  if (IsAtOrAbove(source, to_parent)) return EINVAL;
  if (target && IsAtOrAbove(target, from_parent)) return exchange ? EINVAL : ENOTEMPTY;
  if (target && !exchange) {
    if (source->IsDirectory() != target->IsDirectory()) return source->IsDirectory() ? ENOTDIR : EISDIR;
    if (!target->children.empty()) return ENOTEMPTY;
    Drop(to_parent, to);
  }
  from_parent->children.erase(from);
  to_parent->children[to] = source;
  if (source->IsDirectory()) source->parent = to_parent.get();
  if (exchange) {
    from_parent->children[from] = target;
    if (target->IsDirectory()) target->parent = from_parent.get();
  }
  return 0;
}

}  // namespace tdefs
