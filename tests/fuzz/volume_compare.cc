// VolumeSession: the whole volume held against the model, and what happens to the store as a whole.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "fs/check.h"
#include "tests/fuzz/must.h"
#include "tests/fuzz/volume_session.h"

namespace tdefs {

void VolumeSession::Start() {
  keys_ = store_.Open(KeyManager::Access::kMount);
  auto backing = OpenAt(AT_FDCWD, store_.backing(), O_RDONLY | O_DIRECTORY);
  Must(backing.has_value());
  auto volume = Volume::Create(*std::move(backing), *keys_, {}, statistics_);
  Must(volume.has_value());
  volume_ = *std::move(volume);
  known_ = {{kRootNode, model_.root()}};
  next_known_ = 1;
}

void VolumeSession::Stop(bool orderly) {
  while (!files_.empty()) CloseFile(0);
  known_.clear();
  ForgetUnused();
  Must(statistics_.known_inodes == 0 && statistics_.open_files == 0);
  volume_.reset();
  if (orderly) Must(keys_->Close().has_value());
  keys_.reset();
  Must(statistics_.tampered_files == 0 && statistics_.foreign_files == 0);
  if (!orderly) return;
  keys_ = store_.Open(KeyManager::Access::kReadOnly);
  const auto report = CheckStore(*keys_, store_.backing(), [](const Finding&) {});
  Must(report && report->clean && report->findings == 0 && report->stale == 0 && report->healable == 0);
  keys_.reset();
}

// What an operator or a crash does. Nothing that a program sees changes, and nothing is left to heal: a killed daemon
// leaves its log to the kernel, whole.
void VolumeSession::ChangeStore(const Choice& choice) {
  switch (choice.number % 6) {
    case 0:
      Stop(true);
      Start();
      Must(!keys_->healing());
      return CompareTree();
    case 1: {
      Stop(false);
      Start();
      Must(keys_->healing());
      const uint64_t requests = keys_->healing_requests();
      CompareTree();
      keys_->HealingDone(requests);
      return Must(!keys_->healing() && statistics_.healed_files == 0);
    }
    case 2:
      return Must(keys_->RotateDataKey().has_value());
    case 3:
      return Must(keys_->files().Compact().has_value());
    default:
      return CompareTree();
  }
}

void VolumeSession::CompareTree() {
  CompareXattrs(kRootNode, model_.root());
  CompareDirectory(kRootNode, model_.root());
}

void VolumeSession::CompareNames(NodeId id, const ModelPtr& node) {
  auto handle = volume_->OpenDirectory(id);
  Must(handle.has_value());
  std::set<std::string> found;
  const Status listed = (*handle)->ForEach(0, [&](const DirectoryHandle::Item& item) {
    const std::string_view name(item.name);
    if (name != "." && name != ".." && !Volume::IsHidden(id, name)) Must(found.emplace(name).second);
    return true;
  });
  Must(listed && found.size() == node->children.size());
  for (const auto& child : node->children) Must(found.contains(child.first));
}

void VolumeSession::CompareDirectory(NodeId id, const ModelPtr& node) {
  CompareNames(id, node);
  for (const auto& [name, child] : node->children) {
    auto entry = volume_->Lookup(id, name.c_str());
    Must(entry.has_value());
    CompareNode(*entry, child);
    if (child->IsDirectory()) CompareDirectory(entry->id, child);
    volume_->Forget(entry->id, 1);
  }
}

void VolumeSession::CompareNode(const Entry& entry, const ModelPtr& node) {
  CompareAttributes(entry.attributes, node);
  CompareXattrs(entry.id, node);
  if (S_ISLNK(node->type)) {
    const auto target = volume_->ReadLink(entry.id);
    Must(target && *target == node->target);
  }
  if (!node->IsRegular()) return;
  auto handle = volume_->Open(entry.id, O_RDONLY);
  Must(handle.has_value());
  IoBuffer buffer;
  const auto content = volume_->Read(**handle, 0, node->content.size() + 1, buffer);
  Must(content && std::ranges::equal(*content, node->content));
}

void VolumeSession::CompareXattrs(NodeId id, const ModelPtr& node) {
  std::byte buffer[1024];
  const auto size = volume_->ListXattr(id, buffer);
  Must(size.has_value() && *volume_->ListXattr(id, {}) == *size);
  std::set<std::string> names;
  for (std::string_view list = AsText(ByteView(buffer).first(*size)); !list.empty();) {
    const size_t end = list.find('\0');
    Must(names.emplace(list.substr(0, end)).second);
    list.remove_prefix(end + 1);
  }
  Must(names.size() == node->xattrs.size());
  for (const auto& [name, expected] : node->xattrs) {
    const auto value = volume_->GetXattr(id, name.c_str(), buffer);
    Must(names.contains(name) && value && AsText(ByteView(buffer).first(*value)) == expected);
  }
  const auto tag = volume_->GetXattr(id, kTagXattrName, buffer);
  Must(!tag && tag.error().Errno() == ENODATA);
}

void VolumeSession::CompareAttributes(const struct stat& found, const ModelPtr& node) const {
  Must((found.st_mode & S_IFMT) == node->type && (found.st_mode & 07777) == node->mode);
  Must(found.st_nlink == node->Links());
  if (node->IsRegular() || S_ISLNK(node->type)) Must(static_cast<uint64_t>(found.st_size) == node->Size());
}

}  // namespace tdefs
