#include "fs/repair_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "keys/log_change.h"

namespace tdefs {
namespace {

using InodeKey = std::pair<dev_t, ino_t>;
using Trust = RepairOptions::Trust;

// Records of encrypted files are unique to their file: the IV is random.
struct RecordHash {
  size_t operator()(const FileRecord& record) const {
    return static_cast<size_t>(LoadBigEndian<uint64_t>(record.iv.data()) ^ record.key_id);
  }
};

bool IsUnique(const FileRecord& record) {
  return record.method != Method::kPlaintext;
}

std::string ParentOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool IsAtOrBelow(std::string_view path, std::string_view above) {
  while (above.ends_with('/')) above.remove_suffix(1);
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

std::string DictionaryPath() {
  return fmt::format("{}/{}", kStoreDirName, kFileDictionaryName);
}

// A file with a defect, until all files are known.
struct Candidate {
  Finding finding;
  InodeKey inode;
  bool has_other_names = false;
  bool is_newer = false;  // its tag is valid and of an unknown version
  std::optional<FileRecord> tag, entry;
  std::optional<RecordId> entry_id;
};
struct GoneEntry {
  std::string path;
  FileRecord record;
  bool replaced = false;
};

class Planner {
 public:
  Planner(KeyManager& keys, const RepairOptions& options)
      : keys_(keys),
        options_(options),
        judge_(keys),
        is_rebuild_(keys.files_damage() != nullptr),
        tags_decide_(options.trust == Trust::kTags ||
                     (options.trust == Trust::kNeither && keys.healing() && !is_rebuild_)) {}

  void SeeFile(const SurveyedFile& file);
  void SeeGone(const std::string& path, const FileRecord& entry, bool replaced);
  void SeeUnreadable(const std::string& path, const Error& error);
  Result<RepairPlan> Finish();
  uint64_t files() const { return plan_.files; }

 private:
  Status RefuseStrangers() const;
  void NoteOwner(const FileRecord& record, const InodeKey& inode, const std::string& path);
  void NoteAlive(std::string directory);
  void PlanDictionary();
  void PlanCandidate(const Candidate& candidate);
  void PlanTag(const Candidate& candidate);
  void PlanEntry(const Candidate& candidate);
  void PlanOwnEntry(const Candidate& candidate);
  void PlanGone(const GoneEntry& gone);
  std::string WhyTagStays(const Candidate& candidate) const;
  std::string WhyEntryGoes(const GoneEntry& gone) const;
  void Leave(const Candidate& candidate, std::string_view reason);
  void FindConflicts();
  // A directory of which nothing is left, the highest such above the path.
  std::string TopOfMissing(const std::string& path) const;

  KeyManager& keys_;
  const RepairOptions& options_;
  FileJudge judge_;
  const bool is_rebuild_;
  const bool tags_decide_;  // where tag and entry are valid and differ
  RepairPlan plan_;
  uint64_t valid_tags_ = 0, invalid_tags_ = 0;
  struct Owner {
    InodeKey inode;
    std::string path;
    std::string other_path;  // of another file with the same record
  };
  std::unordered_map<FileRecord, Owner, RecordHash> owners_;  // of valid tags of encrypted files
  std::map<InodeKey, std::string> good_names_;                // of files with several names: one with the right entry
  std::map<RecordId, InodeKey> entry_owners_;                 // of entries that several paths have
  std::map<InodeKey, std::string> split_names_;               // of files that get an entry of their own: the first name
  std::unordered_set<std::string> alive_;                     // directories with a known file in them or below
  std::vector<Candidate> candidates_;
  std::vector<GoneEntry> gone_;
  std::unordered_map<FileRecord, std::string, RecordHash> gone_records_;
  std::unordered_map<FileRecord, std::string, RecordHash> adopted_records_;  // where they were found
  std::unordered_set<std::string> adopted_paths_;
  std::set<InodeKey> conflicting_;  // files whose names have entries that differ
  std::map<std::string, uint64_t> kept_;
};

void Planner::NoteOwner(const FileRecord& record, const InodeKey& inode, const std::string& path) {
  if (!IsUnique(record)) return;
  const auto [owner, is_new] = owners_.try_emplace(record, Owner{inode, path, {}});
  if (!is_new && owner->second.inode != inode) owner->second.other_path = path;
}

void Planner::NoteAlive(std::string directory) {
  while (!directory.empty() && alive_.insert(directory).second) directory = ParentOf(directory);
}

void Planner::SeeFile(const SurveyedFile& file) {
  ++plan_.files;
  const InodeKey inode{file.attributes.st_dev, file.attributes.st_ino};
  if (file.entry) NoteAlive(ParentOf(file.path));
  if (file.tag && *file.tag) {
    ++valid_tags_;
    NoteOwner(**file.tag, inode, file.path);
  }
  auto finding = judge_.Judge(file);
  if (!finding) {
    const bool is_good = file.tag && *file.tag;
    if (!is_good) return;
    if (file.HasOtherNames()) good_names_.try_emplace(inode, file.path);
    if (judge_.IsShared(*file.entry_id)) entry_owners_.try_emplace(*file.entry_id, inode);
    return;
  }
  if (finding->kind == Finding::Kind::kUnreadable) plan_.complete = false;
  const bool is_newer = !file.tag && file.tag.error().code == ErrorCode::kUnsupported;
  if (finding->kind == Finding::Kind::kTagInvalid && !is_newer) ++invalid_tags_;
  candidates_.push_back({.finding = *std::move(finding),
                         .inode = inode,
                         .has_other_names = file.HasOtherNames(),
                         .is_newer = is_newer,
                         .tag = file.tag ? *file.tag : std::nullopt,
                         .entry = file.entry,
                         .entry_id = file.entry_id});
}

void Planner::SeeGone(const std::string& path, const FileRecord& entry, bool replaced) {
  gone_.push_back({path, entry, replaced});
  if (IsUnique(entry)) gone_records_.try_emplace(entry, path);
}

void Planner::SeeUnreadable(const std::string& path, const Error& error) {
  plan_.complete = false;
  plan_.undecided.push_back({Finding::Kind::kUnreadable, path, fmt::format("cannot be examined: {}", error.Text())});
}

// Tags are MACed under a key of key.dict: if none verifies, tags and key.dict do not belong together.
Status Planner::RefuseStrangers() const {
  const uint64_t too_many = is_rebuild_ ? 1 : 2;  // in a store of one file that file's tag may be damaged
  if (valid_tags_ > 0 || invalid_tags_ < too_many || options_.trust == Trust::kDictionary) return {};
  return Fail(ErrorCode::kTampered,
              fmt::format("none of the {} tags verifies under this {}: it belongs to other files than these; put the "
                          "right {} back",
                          invalid_tags_, kKeyDictionaryName, kKeyDictionaryName));
}

void Planner::FindConflicts() {
  std::map<InodeKey, FileRecord> entries;
  for (const Candidate& candidate : candidates_) {
    if (!candidate.has_other_names || !candidate.entry) continue;
    const auto [first, is_new] = entries.try_emplace(candidate.inode, *candidate.entry);
    if (!is_new && first->second != *candidate.entry) conflicting_.insert(candidate.inode);
  }
}

void Planner::PlanDictionary() {
  if (is_rebuild_) {
    plan_.rebuilds = true;
    plan_.actions.push_back({.kind = RepairAction::Kind::kRebuildDictionary,
                             .path = DictionaryPath(),
                             .message = keys_.files_damage()->Text()});
  }
  const FileDictionary::Report& report = keys_.files().report();
  if (report.torn_bytes > 0) {
    plan_.actions.push_back({.kind = RepairAction::Kind::kCutTail,
                             .path = DictionaryPath(),
                             .message = fmt::format("{} bytes of an unfinished record at offset {}", report.torn_bytes,
                                                    report.torn_offset)});
  }
}

void Planner::Leave(const Candidate& candidate, std::string_view reason) {
  Finding finding = candidate.finding;
  finding.message += fmt::format("; left alone: {}", reason);
  plan_.undecided.push_back(std::move(finding));
}

void Planner::PlanCandidate(const Candidate& candidate) {
  switch (candidate.finding.kind) {
    case Finding::Kind::kTagInvalid:
    case Finding::Kind::kTagMissing:
      return PlanTag(candidate);
    case Finding::Kind::kEntryMissing:
    case Finding::Kind::kNamesDiffer:
      return PlanEntry(candidate);
    case Finding::Kind::kLinkLost:
      return PlanOwnEntry(candidate);
    case Finding::Kind::kMismatch:
      if (options_.trust == Trust::kDictionary) return PlanTag(candidate);
      if (tags_decide_) return PlanEntry(candidate);
      return Leave(candidate, "both are valid; --trust tags or --trust dictionary decides");
    case Finding::Kind::kDataKeyMissing:
      return Leave(candidate, "only a newer key.dict, from a backup, has the key");
    case Finding::Kind::kForeign:
      return Leave(candidate, is_rebuild_ ? "the dictionary that could tell its record is lost"
                                          : "move it out, and copy it in through the mount");
    default:
      return Leave(candidate, "it cannot be examined");
  }
}

// Empty if the entry may become the tag.
std::string Planner::WhyTagStays(const Candidate& candidate) const {
  if (candidate.is_newer) return "a newer tdefs wrote it";
  if (!candidate.entry) {
    return is_rebuild_ ? "the dictionary that could tell its record is lost" : "the dictionary has no such path";
  }
  if (auto cipher = keys_.CipherFor(*candidate.entry); !cipher) return cipher.error().Text();
  if (options_.trust == Trust::kDictionary) return {};
  if (const auto owner = owners_.find(*candidate.entry);
      owner != owners_.end() && owner->second.inode != candidate.inode) {
    return fmt::format("the entry's record is that of {} now, so this may be another file", owner->second.path);
  }
  if (conflicting_.contains(candidate.inode)) return "the file has several names, and their entries differ";
  if (keys_.healing()) {
    return "the last shutdown was not orderly, so the entry may be older than the file; --trust dictionary takes it";
  }
  return {};
}

void Planner::PlanTag(const Candidate& candidate) {
  if (const std::string reason = WhyTagStays(candidate); !reason.empty()) return Leave(candidate, reason);
  plan_.actions.push_back({.kind = RepairAction::Kind::kRestoreTag,
                           .path = candidate.finding.path,
                           .message = candidate.finding.message,
                           .record = *candidate.entry,
                           .device = candidate.inode.first,
                           .inode = candidate.inode.second});
  if (judge_.IsShared(*candidate.entry_id)) PlanOwnEntry(candidate);
}

// The first file keeps an entry that paths of several files have, the others get their own.
void Planner::PlanOwnEntry(const Candidate& candidate) {
  const auto owner = entry_owners_.try_emplace(*candidate.entry_id, candidate.inode).first;
  if (owner->second == candidate.inode) return;
  const auto first_name = split_names_.try_emplace(candidate.inode, candidate.finding.path).first;
  const bool is_first = first_name->second == candidate.finding.path;
  plan_.actions.push_back({.kind = RepairAction::Kind::kSetEntry,
                           .path = candidate.finding.path,
                           .message = "an entry of its own: its path was a hard link of another file once",
                           .record = *candidate.entry,
                           .link_to = is_first ? std::string() : first_name->second});
}

void Planner::PlanEntry(const Candidate& candidate) {
  const std::string& path = candidate.finding.path;
  const FileRecord& tag = *candidate.tag;
  if (path.size() > kLogPathBytesMax) {
    return Leave(candidate, fmt::format("the path has {} bytes, an entry at most {}", path.size(), kLogPathBytesMax));
  }
  const auto owner = owners_.find(tag);
  if (owner != owners_.end() && !owner->second.other_path.empty() && !tags_decide_) {
    const std::string& other = owner->second.inode == candidate.inode ? owner->second.other_path : owner->second.path;
    return Leave(candidate,
                 fmt::format("{} has the same tag, so one of the two is a copy; --trust tags takes both", other));
  }
  RepairAction action{
      .kind = candidate.entry ? RepairAction::Kind::kSetEntry : RepairAction::Kind::kAdopt,
      .path = path,
      .message = candidate.finding.message,
      .record = tag,
  };
  const auto name = good_names_.find(candidate.inode);
  const auto moved = gone_records_.find(tag);
  if (name != good_names_.end()) {
    action.link_to = name->second;
    action.message += fmt::format("; a hard link of {}", name->second);
  } else if (moved != gone_records_.end()) {
    action.link_to = moved->second;
    action.message += fmt::format("; it was {}", moved->second);
  }
  if (candidate.has_other_names) good_names_.try_emplace(candidate.inode, path);
  if (IsUnique(tag)) adopted_records_.try_emplace(tag, path);
  adopted_paths_.insert(path);
  plan_.actions.push_back(std::move(action));
}

std::string Planner::TopOfMissing(const std::string& path) const {
  std::string top = ParentOf(path);
  for (std::string above = ParentOf(top); !above.empty() && !alive_.contains(above); above = ParentOf(above)) {
    top = above;
  }
  return top;
}

// Empty if the entry stays.
std::string Planner::WhyEntryGoes(const GoneEntry& gone) const {
  if (gone.replaced) return "no regular file stands there any more";
  if (IsUnique(gone.record)) {
    if (const auto moved = adopted_records_.find(gone.record); moved != adopted_records_.end()) {
      return fmt::format("the file is {} now", moved->second);
    }
    if (const auto owner = owners_.find(gone.record); owner != owners_.end()) {
      return fmt::format("the file is {} now", owner->second.path);
    }
  }
  for (const std::string& named : options_.drop_missing) {
    if (IsAtOrBelow(gone.path, named)) return fmt::format("there is no such file, and --drop-missing names {}", named);
  }
  std::string directory = ParentOf(gone.path);
  if (directory.empty() || alive_.contains(directory)) return "there is no such file";
  for (; !directory.empty(); directory = ParentOf(directory)) {
    if (adopted_paths_.contains(directory)) return fmt::format("{} is a file now", directory);
  }
  return {};
}

void Planner::PlanGone(const GoneEntry& gone) {
  std::string reason = WhyEntryGoes(gone);
  if (reason.empty()) {
    ++kept_[TopOfMissing(gone.path)];
    return;
  }
  plan_.actions.push_back(
      {.kind = RepairAction::Kind::kDropEntry, .path = gone.path, .message = std::move(reason), .record = gone.record});
}

Result<RepairPlan> Planner::Finish() {
  TRY(RefuseStrangers());
  FindConflicts();
  PlanDictionary();
  for (const Candidate& candidate : candidates_) PlanCandidate(candidate);
  for (const GoneEntry& gone : gone_) PlanGone(gone);
  for (const auto& [directory, entries] : kept_) plan_.kept.push_back({directory, entries});
  return std::move(plan_);
}

}  // namespace

std::string_view RepairActionName(RepairAction::Kind kind) {
  switch (kind) {
    case RepairAction::Kind::kRebuildDictionary:
      return "rebuild-dictionary";
    case RepairAction::Kind::kCutTail:
      return "cut-tail";
    case RepairAction::Kind::kRestoreTag:
      return "restore-tag";
    case RepairAction::Kind::kAdopt:
      return "adopt";
    case RepairAction::Kind::kSetEntry:
      return "set-entry";
    case RepairAction::Kind::kDropEntry:
      return "drop-entry";
  }
  return "unknown";
}

Result<RepairPlan> PlanRepair(KeyManager& keys, const std::string& backing_dir, const RepairOptions& options,
                              const std::function<void(uint64_t)>& on_file) {
  Planner planner(keys, options);
  const SurveyVisitor visitor{
      .file =
          [&](const SurveyedFile& file) {
            planner.SeeFile(file);
            on_file(planner.files());
          },
      .gone = [&](const std::string& path, const FileRecord& entry,
                  bool replaced) { planner.SeeGone(path, entry, replaced); },
      .unreadable = [&](const std::string& path, const Error& error) { planner.SeeUnreadable(path, error); },
  };
  TRY(SurveyStore(keys, backing_dir, visitor));
  return planner.Finish();
}

}  // namespace tdefs
