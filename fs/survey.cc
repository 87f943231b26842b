#include "fs/survey.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/xattr.h>

#include "base/file_io.h"
#include "fs/backing_walk.h"
#include "fs/magic_link.h"

namespace tdefs {
namespace {

constexpr size_t kAttributeBytesMax = 64 << 10;  // Linux' limit of an attribute's value

Result<std::optional<FileRecord>> ReadTag(const TagCodec& tags, int path_fd) {
  const std::optional<Bytes> bytes = TRY(ReadRawTag(path_fd));
  if (!bytes) return std::nullopt;
  return TRY(tags.Decode(*bytes));
}

}  // namespace

Result<std::optional<Bytes>> ReadRawTag(int path_fd) {
  Bytes bytes(kTagBytes + 1);
  ssize_t size = ::getxattr(MagicLink(path_fd).c_str(), kTagXattrName, bytes.data(), bytes.size());
  if (size < 0 && errno == ERANGE) {
    bytes.resize(kAttributeBytesMax);
    size = ::getxattr(MagicLink(path_fd).c_str(), kTagXattrName, bytes.data(), bytes.size());
  }
  if (size < 0 && errno == ENODATA) return std::nullopt;
  if (size < 0) return FailErrno(errno, "read of the tag");
  bytes.resize(static_cast<size_t>(size));
  return bytes;
}

Status SurveyStore(KeyManager& keys, const std::string& backing_dir, const SurveyVisitor& visitor) {
  const UniqueFd root = TRY(OpenAt(AT_FDCWD, backing_dir, O_RDONLY | O_DIRECTORY));
  const FileDictionary& files = keys.files();
  const WalkVisitor walk{
      .file = [&](const WalkedFile& walked) -> Status {
        SurveyedFile file{.path = walked.Path(),
                          .attributes = walked.attributes,
                          .tag = ReadTag(keys.tags(), walked.fd),
                          .entry = {},
                          .entry_id = {}};
        file.entry_id = files.FindRecord(file.path);
        if (file.entry_id) file.entry = files.Get(*file.entry_id);
        visitor.file(file);
        return {};
      },
      .unreadable = [&](const std::string& path, const Error& error) -> Status {
        visitor.unreadable(path, error);
        return {};
      },
  };
  TRY(WalkBackingTree(root.get(), walk));
  BackingPaths paths(root.get());
  files.ForEach([&](const std::string& path, RecordId, const FileRecord& entry, bool) {
    const auto found = paths.Find(path);
    if (!found || (*found && S_ISREG((*found)->st_mode))) return true;  // what cannot be examined was found by the walk
    visitor.gone(path, entry, found->has_value());
    return true;
  });
  return {};
}

}  // namespace tdefs
