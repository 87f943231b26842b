#include "fs/check.h"

#include <fmt/core.h>

#include <optional>

namespace tdefs {
namespace {

constexpr std::string_view kHealsLater =
    "; the last shutdown was not orderly, and the next mount mends this from the tag";

std::string Describe(const FileRecord& record) {
  return fmt::format("method {}, data key {}", MethodName(record.method), record.key_id);
}

Finding Found(Finding::Kind kind, const SurveyedFile& file, std::string message) {
  return Finding{.kind = kind, .path = file.path, .message = std::move(message)};
}

class Checker {
 public:
  Checker(KeyManager& keys, const std::function<void(const Finding&)>& on_finding)
      : judge_(keys), on_finding_(on_finding) {
    report_.clean = !keys.healing();
    report_.torn_bytes = keys.files().report().torn_bytes;
    if (report_.torn_bytes > 0) NoteTornTail(keys.files().report().torn_offset);
  }

  void CheckFile(const SurveyedFile& file) {
    ++report_.files;
    auto finding = judge_.Judge(file);
    const bool is_untagged = file.tag && !*file.tag;
    if (finding) {
      Count(*std::move(finding));
    } else if (is_untagged) {
      ++report_.empty_untagged;
    } else {
      ++report_.good;
    }
  }

  void CheckGone(const std::string& path) {
    ++report_.stale;
    on_finding_({Finding::Kind::kStaleEntry, path, "the dictionary has an entry, but there is no such file; harmless"});
  }

  void Unreadable(const std::string& path, const Error& error) {
    Count({Finding::Kind::kUnreadable, path, fmt::format("cannot be examined: {}", error.Text())});
  }

  const CheckReport& report() const { return report_; }

 private:
  void NoteTornTail(uint64_t offset) {
    on_finding_({Finding::Kind::kTornTail, fmt::format("{}/{}", kStoreDirName, kFileDictionaryName),
                 fmt::format("{} bytes of an unfinished record at offset {}; harmless, the next mount cuts them off",
                             report_.torn_bytes, offset)});
  }

  void Count(Finding finding) {
    const bool heals_later = !report_.clean && IsHealable(finding.kind);
    ++(heals_later ? report_.healable : report_.findings);
    if (heals_later) finding.message += kHealsLater;
    on_finding_(finding);
  }

  FileJudge judge_;
  const std::function<void(const Finding&)>& on_finding_;
  CheckReport report_;
};

}  // namespace

FileJudge::FileJudge(KeyManager& keys) : keys_(keys) {
  keys.files().ForEach([&](const std::string&, RecordId id, const FileRecord&, bool first) {
    if (!first) shared_.insert(id);
    return true;
  });
}

std::optional<Finding> FileJudge::Judge(const SurveyedFile& file) {
  if (!file.tag) {
    const bool is_unreadable = file.tag.error().code == ErrorCode::kSystem;
    return Found(is_unreadable ? Finding::Kind::kUnreadable : Finding::Kind::kTagInvalid, file,
                 file.tag.error().Text());
  }
  return *file.tag ? JudgeTagged(file, **file.tag) : JudgeUntagged(file);
}

std::optional<Finding> FileJudge::JudgeUntagged(const SurveyedFile& file) const {
  if (file.IsEmpty()) return std::nullopt;
  const std::string content = fmt::format("{} bytes of content, ", file.attributes.st_size);
  if (!file.entry) {
    return Found(Finding::Kind::kForeign, file, content + "but neither tag nor entry: not written through a mount");
  }
  return Found(Finding::Kind::kTagMissing, file,
               content + fmt::format("and an entry ({}), but no tag", Describe(*file.entry)));
}

std::optional<Finding> FileJudge::JudgeTagged(const SurveyedFile& file, const FileRecord& tag) {
  if (auto cipher = keys_.CipherFor(tag); !cipher) {
    return Found(Finding::Kind::kDataKeyMissing, file, cipher.error().Text());
  }
  if (file.entry == tag) return JudgeNames(file);
  if (!file.entry) {
    return Found(Finding::Kind::kEntryMissing, file, "a valid tag, but the dictionary has no such path");
  }
  // Two files of one method and key differ in the IV, which is not told.
  return Found(Finding::Kind::kMismatch, file,
               fmt::format("the tag says {}, the dictionary {}{}", Describe(tag), Describe(*file.entry),
                           Describe(tag) == Describe(*file.entry) ? ", with another IV" : ""));
}

// Names whose entries are not one record drift apart when the file gets a new IV, so a mount refuses such a file. And
// two files whose names share one record: a new IV of one would be taken for the other's.
std::optional<Finding> FileJudge::JudgeNames(const SurveyedFile& file) {
  const InodeKey inode{file.attributes.st_dev, file.attributes.st_ino};
  if (IsShared(*file.entry_id)) {
    const auto [first, is_new] = first_files_.try_emplace(*file.entry_id, FirstFile{file.path, inode});
    if (!is_new && first->second.inode != inode) {
      return Found(Finding::Kind::kLinkLost, file,
                   fmt::format("once a hard link of {}, now another file, but they share their entry and IV",
                               first->second.path));
    }
  }
  if (!file.HasOtherNames()) return std::nullopt;
  const auto [first, is_new] = first_names_.try_emplace(inode, FirstName{file.path, *file.entry_id});
  if (is_new || first->second.entry_id == *file.entry_id) return std::nullopt;
  return Found(Finding::Kind::kNamesDiffer, file,
               fmt::format("a hard link of {}, but with an entry of its own", first->second.path));
}

bool IsHealable(Finding::Kind kind) {
  return kind == Finding::Kind::kEntryMissing || kind == Finding::Kind::kMismatch ||
         kind == Finding::Kind::kNamesDiffer;
}

std::string_view FindingName(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kTagInvalid:
      return "tag-invalid";
    case Finding::Kind::kTagMissing:
      return "tag-missing";
    case Finding::Kind::kEntryMissing:
      return "entry-missing";
    case Finding::Kind::kMismatch:
      return "mismatch";
    case Finding::Kind::kForeign:
      return "foreign";
    case Finding::Kind::kStaleEntry:
      return "stale-entry";
    case Finding::Kind::kNamesDiffer:
      return "names-differ";
    case Finding::Kind::kLinkLost:
      return "link-lost";
    case Finding::Kind::kTornTail:
      return "torn-tail";
    case Finding::Kind::kDataKeyMissing:
      return "data-key-missing";
    case Finding::Kind::kUnreadable:
      return "unreadable";
  }
  return "unknown";
}

Result<CheckReport> CheckStore(KeyManager& keys, const std::string& backing_dir,
                               const std::function<void(const Finding&)>& on_finding,
                               const std::function<void(uint64_t)>& on_file) {
  Checker checker(keys, on_finding);
  const SurveyVisitor visitor{
      .file =
          [&](const SurveyedFile& file) {
            checker.CheckFile(file);
            on_file(checker.report().files);
          },
      .gone = [&](const std::string& path, const FileRecord&, bool) { checker.CheckGone(path); },
      .unreadable = [&](const std::string& path, const Error& error) { checker.Unreadable(path, error); },
  };
  TRY(SurveyStore(keys, backing_dir, visitor));
  return checker.report();
}

}  // namespace tdefs
