// ImportFiles: existing files of a new store become known to it as plaintext.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/xattr.h>

#include <map>
#include <utility>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "fs/backing_walk.h"
#include "fs/check.h"
#include "fs/dictionary_cursor.h"
#include "fs/magic_link.h"
#include "fs/touched_filesystems.h"

namespace tdefs {
namespace {

constexpr FileRecord kPlaintextRecord{};
constexpr size_t kTagMethodOffset = 1;  // keys/tag.h

std::unexpected<Error> FailAt(const std::string& path, Error error) {
  error.message = fmt::format("import of {}: {}", path, error.message);
  return std::unexpected(std::move(error));
}

class Importer {
 public:
  Importer(FileDictionary& files, const Tag& tag) : files_(files), tag_(tag), cursor_(files) {}
  ~Importer() {
    for (const auto& [inode, record] : linked_) files_.Unpin(record);
  }
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  Status Import(const WalkedFile& file) {
    TRY(SetTag(file.fd));
    TRY(Register(file));
    TRY(filesystems_.Add(file.attributes.st_dev, file.fd));
    ++count_;
    return {};
  }

  // Tags first: an entry without its tag is a defect, a tag without its entry can be healed.
  Status MakeDurable() {
    TRY(filesystems_.Sync(Point<"import.sync", CallKind::kSync>()));
    return files_.Flush(files_.last());
  }

  uint64_t count() const { return count_; }

 private:
  using InodeKey = std::pair<dev_t, ino_t>;

  Status SetTag(int path_fd) {
    const std::string link = MagicLink(path_fd);
    const int set = Point<"import.tag", CallKind::kAttribute>().Run(
        [&] { return ::setxattr(link.c_str(), kTagXattrName, tag_.data(), tag_.size(), XATTR_CREATE); });
    if (set == 0) return {};
    if (errno != EEXIST) return FailErrno(errno, "write of the tag");
    Tag present{};
    const ssize_t size = ::getxattr(link.c_str(), kTagXattrName, present.data(), present.size());
    if (size == static_cast<ssize_t>(present.size()) && present == tag_) return {};  // of another name of the file
    // By an import that was cut short, into a store that is no more. What was plaintext there is plaintext here.
    const bool plaintext = size == static_cast<ssize_t>(present.size()) &&
                           present[kTagMethodOffset] == static_cast<std::byte>(Method::kPlaintext);
    if (plaintext) {
      if (::setxattr(link.c_str(), kTagXattrName, tag_.data(), tag_.size(), XATTR_REPLACE) == 0) return {};
      return FailErrno(errno, "write of the tag");
    }
    return Fail(ErrorCode::kForeign, "it has a tag already: it belongs to another store, or is encrypted");
  }

  Status Register(const WalkedFile& file) {
    const DirId dir = cursor_.Enter(file.dir);
    const InodeKey inode{file.attributes.st_dev, file.attributes.st_ino};
    const auto known = linked_.find(inode);
    auto change = known != linked_.end() ? files_.Link(dir, file.name, known->second)
                                         : files_.Insert(dir, file.name, kPlaintextRecord);
    if (!change) return std::unexpected(std::move(change).error());
    if (file.attributes.st_nlink > 1 && known == linked_.end()) {
      linked_.emplace(inode, change->record);  // keeps the pin
    } else {
      files_.Unpin(change->record);
    }
    return {};
  }

  FileDictionary& files_;
  const Tag tag_;
  DictionaryCursor cursor_;
  std::map<InodeKey, RecordId> linked_;  // files of several names; one pin each
  TouchedFilesystems filesystems_;
  uint64_t count_ = 0;
};

}  // namespace

Status ImportFiles(KeyManager& keys, const std::string& backing_dir, const std::function<void(uint64_t)>& on_file) {
  const UniqueFd root = TRY(OpenAt(AT_FDCWD, backing_dir, O_RDONLY | O_DIRECTORY));
  const Tag tag = TRY(keys.tags().Encode(kPlaintextRecord));
  Importer importer(keys.files(), tag);
  const WalkVisitor visitor{
      .file = [&](const WalkedFile& file) -> Status {
        if (file.attributes.st_size == 0) return {};
        if (Status imported = importer.Import(file); !imported) return FailAt(file.Path(), std::move(imported).error());
        on_file(importer.count());
        return {};
      },
      .unreadable = [](const std::string& path, const Error& error) -> Status { return FailAt(path, error); },
  };
  TRY(WalkBackingTree(root.get(), visitor));
  return importer.MakeDurable();
}

}  // namespace tdefs
