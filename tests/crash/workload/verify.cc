#include "tests/crash/workload/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tdefs::crash {
namespace {

constexpr size_t kTailForMessages = 12;
constexpr size_t kWrongNameWeight = 1000;

using Entries = std::map<std::string, Found>;
using Lines = std::vector<std::string>;

// The thread that an entry belongs to; nothing for the directories of the run itself.
const ThreadModel* OwnerOf(const Oracle& oracle, const std::string& path) {
  for (const ThreadModel& thread : oracle.threads) {
    if (path.starts_with(thread.TopName() + "/") || path.starts_with(thread.CommonPrefix())) return &thread;
  }
  return nullptr;
}

bool IsOfTheRun(const Oracle& oracle, const std::string& path) {
  return path == kCommonName || path == "lost+found" ||
         std::ranges::any_of(oracle.threads, [&](const ThreadModel& thread) { return path == thread.TopName(); });
}

class ThreadVerifier {
 public:
  ThreadVerifier(ThreadModel& thread, const Entries& found, After after)
      : thread_(thread), found_(found), after_(after) {}

  Lines Run() {
    std::optional<std::pair<size_t, Lines>> fewest;  // rather wrong contents than wrong names
    for (const NameHistory::Candidate& candidate : thread_.names.Candidates(after_ != After::kPowerCut)) {
      Lines wrong = Differences(candidate.names);
      if (wrong.empty()) return Adopt(candidate.names);
      const size_t weight = wrong.size() + (names_differ_ ? kWrongNameWeight : 0);
      if (!fewest || weight < fewest->first) fewest.emplace(weight, std::move(wrong));
    }
    fewest->second.push_back("the last changes of names:" + thread_.names.Tail(kTailForMessages));
    return fewest->second;
  }

 private:
  Lines Adopt(const Names& names) {
    std::map<ObjectId, ContentHistory> files;
    for (const auto& [path, id] : names) {
      if (IsDirectory(id)) continue;
      files.emplace(id, thread_.files.at(id)).first->second.Rebase(found_.at(path).content);
    }
    thread_.files = std::move(files);
    thread_.names.Rebase(names);
    return {};
  }

  Lines Differences(const Names& names) {
    Lines wrong;
    for (const auto& [path, found] : found_) {
      if (!names.contains(path)) wrong.push_back(fmt::format("{}: must not be there", path));
    }
    for (const auto& [path, id] : names) {
      const auto at = found_.find(path);
      if (at == found_.end()) {
        wrong.push_back(fmt::format("{}: is missing (object {})", path, id & ~kDirectoryBit));
      } else if (at->second.is_directory != IsDirectory(id)) {
        wrong.push_back(fmt::format("{}: is {} directory", path, IsDirectory(id) ? "no" : "a"));
      }
    }
    names_differ_ = !wrong.empty();
    if (names_differ_) return wrong;  // the contents would only tell the same again
    Identities(names, wrong);
    for (const auto& [path, id] : names) {
      if (IsDirectory(id)) continue;
      if (const std::string& line = ContentOf(path, id); !line.empty()) wrong.push_back(line);
    }
    return wrong;
  }

  // Names of one file share an inode, and each file has as many links as names.
  void Identities(const Names& names, Lines& wrong) const {
    std::map<ObjectId, std::vector<std::string>> paths;
    for (const auto& [path, id] : names) {
      if (!IsDirectory(id)) paths[id].push_back(path);
    }
    for (const auto& [id, all] : paths) {
      for (const std::string& path : all) {
        const Found& found = found_.at(path);
        if (found.inode != found_.at(all.front()).inode) {
          wrong.push_back(fmt::format("{}: is not the same file as {}", path, all.front()));
        } else if (found.error.empty() && found.links != all.size()) {
          wrong.push_back(fmt::format("{}: has {} links, {} names", path, found.links, all.size()));
        }
      }
    }
  }

  // What is wrong with the content of a path if it is this file; asked for once.
  const std::string& ContentOf(const std::string& path, ObjectId id) {
    const auto [at, fresh] = contents_.try_emplace({path, id});
    const Found& found = found_.at(path);
    if (fresh && !found.error.empty()) {
      at->second = fmt::format("{}: {}", path, found.error);
    } else if (fresh) {
      const auto wrong = thread_.files.at(id).Wrong(found.content, after_);
      if (wrong) at->second = fmt::format("{} (file {}): {}", path, id, *wrong);
    }
    return at->second;
  }

  ThreadModel& thread_;
  const Entries& found_;
  const After after_;
  bool names_differ_ = false;  // in the candidate looked at last
  std::map<std::pair<std::string, ObjectId>, std::string> contents_;
};

}  // namespace

std::vector<std::string> Verify(Oracle& oracle, const FoundTree& tree, After after) {
  Lines wrong;
  if (!tree.error.empty()) wrong.push_back(tree.error);
  std::map<uint32_t, Entries> found;
  for (const auto& [path, entry] : tree.entries) {
    const ThreadModel* owner = OwnerOf(oracle, path);
    if (owner != nullptr) {
      found[owner->number].emplace(path, entry);
    } else if (!IsOfTheRun(oracle, path)) {
      wrong.push_back(fmt::format("{}: nobody made it", path));
    }
  }
  for (ThreadModel& thread : oracle.threads) {
    for (const std::string& line : ThreadVerifier(thread, found[thread.number], after).Run()) {
      wrong.push_back(fmt::format("thread {}: {}", thread.number, line));
    }
  }
  if (wrong.empty()) {
    oracle.stage = Oracle::Stage::kComplete;
    oracle.after_kill = after != After::kPowerCut;
  }
  return wrong;
}

}  // namespace tdefs::crash
