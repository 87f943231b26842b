#include "fs/healer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/log.h"

namespace tdefs {
namespace {

constexpr std::chrono::seconds kPause{1};
constexpr std::chrono::seconds kPauseMax{600};

// Gone in the meantime, or the store's own directory: nothing there is to be healed. Any other error leaves a name that
// nobody has looked at.
bool IsGone(const Error& error) {
  return error.Errno() == ENOENT || error.Errno() == ESTALE || error.Errno() == ENOTDIR;
}

}  // namespace

Healer::~Healer() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Healer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Healer::Run() {
  std::chrono::seconds pause = kPause;
  while (!stop_) {
    pause = Heal() ? kPause : std::min(pause * 2, kPauseMax);
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause, [this] { return stop_.load(); });
  }
  if (volume_.keys().healing()) {
    Log(LogLevel::kWarn, "healing of the file dictionary was interrupted and goes on at the next mount");
  }
}

bool Healer::Heal() {
  KeyManager& keys = volume_.keys();
  if (!keys.healing()) return true;
  const uint64_t requests = keys.healing_requests();
  const uint64_t healed_before = volume_.statistics().healed_files;
  names_ = 0;
  if (!WalkAll()) return false;
  keys.HealingDone(requests);
  if (keys.healing()) return false;
  Log(LogLevel::kInfo, "healing of the file dictionary done: {} names, {} entries healed", names_,
      volume_.statistics().healed_files - healed_before);
  return true;
}

bool Healer::WalkAll() {
  bool complete = true;
  pending_.push_back(kRootNode);
  while (!pending_.empty()) {
    const NodeId directory = pending_.back();
    pending_.pop_back();
    complete = !stop_ && WalkDirectory(directory) && complete;
    volume_.Forget(directory, 1);
  }
  for (const NodeId file : linked_) volume_.Forget(file, 1);
  linked_.clear();
  return complete;
}

bool Healer::WalkDirectory(NodeId directory) {
  auto handle = volume_.OpenDirectory(directory);
  if (!handle) return IsGone(handle.error());
  std::vector<std::string> names;
  Status listed = (*handle)->ForEach(0, [&](const DirectoryHandle::Item& item) {
    const std::string_view name(item.name);
    const bool wanted = item.type == S_IFREG || item.type == S_IFDIR || item.type == 0;
    if (wanted && name != "." && name != "..") names.emplace_back(name);
    return true;
  });
  if (!listed) return false;
  bool complete = true;
  for (const std::string& name : names) {
    if (stop_) return false;
    auto entry = volume_.Lookup(directory, name.c_str());
    if (!entry) {
      complete = complete && IsGone(entry.error());
      continue;
    }
    ++names_;
    const struct stat& attributes = entry->attributes;
    const bool ends_inside_unit = attributes.st_size % static_cast<off_t>(kUnitBytes) != 0;
    if (S_ISREG(attributes.st_mode) && ends_inside_unit) complete = volume_.HealContent(entry->id) && complete;
    if (S_ISDIR(attributes.st_mode)) {
      pending_.push_back(entry->id);
    } else if (attributes.st_nlink > 1) {
      linked_.push_back(entry->id);
    } else {
      volume_.Forget(entry->id, 1);
    }
  }
  return complete;
}

}  // namespace tdefs
