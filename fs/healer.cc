#include "fs/healer.h"

#include <string>
#include <vector>

#include "base/log.h"

namespace tdefs {

Healer::~Healer() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Healer::Start() {
  thread_ = std::thread([this] {
    const uint64_t healed_before = volume_.statistics().healed_files;
    if (!WalkAll()) {
      Log(LogLevel::kWarn, "healing of the file dictionary was interrupted and goes on at the next mount");
      return;
    }
    volume_.keys().HealingDone();
    Log(LogLevel::kInfo, "healing of the file dictionary done: {} names, {} entries healed", names_,
        volume_.statistics().healed_files - healed_before);
  });
}

// A directory that moves while the walk is under way is met where it was queued, by its inode. One that moves out of an
// unread directory into one that was read is missed; its names are matched by the lookups that lead to them.
bool Healer::WalkAll() {
  bool complete = true;
  pending_.push_back(kRootNode);
  while (!pending_.empty()) {
    const NodeId directory = pending_.back();
    pending_.pop_back();
    complete = !stop_ && WalkDirectory(directory) && complete;
    volume_.Forget(directory, 1);
  }
  return complete;
}

bool Healer::WalkDirectory(NodeId directory) {
  auto handle = volume_.OpenDirectory(directory);
  if (!handle) return handle.error().Errno() == ENOENT || handle.error().Errno() == ESTALE;
  std::vector<std::string> names;
  Status listed = (*handle)->ForEach(0, [&](const DirectoryHandle::Item& item) {
    const std::string_view name(item.name);
    const bool wanted = item.type == S_IFREG || item.type == S_IFDIR || item.type == 0;
    if (wanted && name != "." && name != "..") names.emplace_back(name);
    return true;
  });
  if (!listed) return false;
  for (const std::string& name : names) {
    if (stop_) return false;
    auto entry = volume_.Lookup(directory, name.c_str());
    if (!entry) continue;  // gone in the meantime, or ours
    ++names_;
    if (S_ISDIR(entry->attributes.st_mode)) {
      pending_.push_back(entry->id);
    } else {
      volume_.Forget(entry->id, 1);
    }
  }
  return true;
}

}  // namespace tdefs
