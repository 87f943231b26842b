#include "fs/check.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/xattr.h>

#include <array>
#include <optional>

#include "base/file_io.h"
#include "fs/backing_walk.h"
#include "fs/magic_link.h"

namespace tdefs {
namespace {

constexpr std::string_view kHealsLater =
    "; the last shutdown was not orderly, and the next mount mends this from the tag";

std::string Describe(const FileRecord& record) {
  return fmt::format("method {}, data key {}", MethodName(record.method), record.key_id);
}

// Nothing for a file without a tag; kTampered, kUnsupported or kSystem.
Result<std::optional<FileRecord>> ReadTag(const TagCodec& tags, int path_fd) {
  std::array<std::byte, kTagBytes + 1> bytes;  // one more, so that a longer value is not taken for a whole tag
  const ssize_t size = ::getxattr(MagicLink(path_fd).c_str(), kTagXattrName, bytes.data(), bytes.size());
  if (size < 0 && errno == ENODATA) return std::nullopt;
  if (size < 0 && errno == ERANGE) {
    return Fail(ErrorCode::kTampered, fmt::format("tag: more than {} bytes, expected {}", kTagBytes, kTagBytes));
  }
  if (size < 0) return FailErrno(errno, "read of the tag");
  return TRY(tags.Decode(ByteView(bytes).first(static_cast<size_t>(size))));
}

class Checker {
 public:
  Checker(KeyManager& keys, const std::function<void(const Finding&)>& on_finding)
      : keys_(keys), on_finding_(on_finding) {
    report_.clean = !keys.healing();
    report_.torn_bytes = keys.files().report().torn_bytes;
  }

  void CheckFile(const WalkedFile& file) {
    ++report_.files;
    const std::string path = file.Path();
    auto tag = ReadTag(keys_.tags(), file.fd);
    if (!tag && tag.error().code == ErrorCode::kSystem)
      return Defect(Finding::Kind::kUnreadable, path, tag.error().Text());
    if (!tag) return Defect(Finding::Kind::kTagInvalid, path, tag.error().Text());
    const auto entry = keys_.files().FindPath(path);
    if (!*tag) return CheckUntagged(path, file.attributes, entry);
    CheckTagged(path, **tag, entry);
  }

  void CheckEntry(BackingPaths& paths, const std::string& path) {
    auto found = paths.Find(path);
    if (!found || (*found && S_ISREG((*found)->st_mode))) return;  // what cannot be examined was found by the walk
    ++report_.stale;
    Note(Finding::Kind::kStaleEntry, path, "the dictionary has an entry, but there is no such file; harmless");
  }

  void Unreadable(const std::string& path, const Error& error) {
    Defect(Finding::Kind::kUnreadable, path, fmt::format("cannot be examined: {}", error.Text()));
  }

  const CheckReport& report() const { return report_; }

 private:
  void CheckUntagged(const std::string& path, const struct stat& attributes, const std::optional<FileRecord>& entry) {
    if (attributes.st_size == 0) {
      ++report_.empty_untagged;
      return;
    }
    const std::string content = fmt::format("{} bytes of content, ", attributes.st_size);
    if (!entry)
      return Defect(Finding::Kind::kForeign, path, content + "but neither tag nor entry: not written through a mount");
    Defect(Finding::Kind::kTagMissing, path, content + fmt::format("and an entry ({}), but no tag", Describe(*entry)));
  }

  void CheckTagged(const std::string& path, const FileRecord& tag, const std::optional<FileRecord>& entry) {
    if (auto cipher = keys_.CipherFor(tag); !cipher) {
      return Defect(Finding::Kind::kDataKeyMissing, path, cipher.error().Text());
    }
    if (entry == tag) {
      ++report_.good;
      return;
    }
    if (!entry) return Healable(Finding::Kind::kEntryMissing, path, "a valid tag, but the dictionary has no such path");
    // Two files of one method and key differ in the IV, which is not told.
    Healable(Finding::Kind::kMismatch, path,
             fmt::format("the tag says {}, the dictionary {}{}", Describe(tag), Describe(*entry),
                         Describe(tag) == Describe(*entry) ? ", with another IV" : ""));
  }

  void Note(Finding::Kind kind, const std::string& path, std::string message) {
    on_finding_(Finding{.kind = kind, .path = path, .message = std::move(message)});
  }
  void Defect(Finding::Kind kind, const std::string& path, std::string message) {
    ++report_.findings;
    Note(kind, path, std::move(message));
  }
  void Healable(Finding::Kind kind, const std::string& path, std::string message) {
    if (report_.clean) return Defect(kind, path, std::move(message));
    ++report_.healable;
    Note(kind, path, message.append(kHealsLater));
  }

  KeyManager& keys_;
  const std::function<void(const Finding&)>& on_finding_;
  CheckReport report_;
};

}  // namespace

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
    case Finding::Kind::kDataKeyMissing:
      return "data-key-missing";
    case Finding::Kind::kUnreadable:
      return "unreadable";
  }
  return "unknown";
}

Result<CheckReport> CheckStore(KeyManager& keys, const std::string& backing_dir,
                               const std::function<void(const Finding&)>& on_finding) {
  const UniqueFd root = TRY(OpenAt(AT_FDCWD, backing_dir, O_RDONLY | O_DIRECTORY));
  Checker checker(keys, on_finding);
  const WalkVisitor visitor{
      .file = [&](const WalkedFile& file) -> Status {
        checker.CheckFile(file);
        return {};
      },
      .unreadable = [&](const std::string& path, const Error& error) -> Status {
        checker.Unreadable(path, error);
        return {};
      },
  };
  TRY(WalkBackingTree(root.get(), visitor));
  BackingPaths paths(root.get());
  keys.files().ForEach([&](const std::string& path, RecordId, const FileRecord&, bool) {
    checker.CheckEntry(paths, path);
    return true;
  });
  return checker.report();
}

}  // namespace tdefs
