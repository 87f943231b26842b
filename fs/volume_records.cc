// Volume: the two copies of each file record, the tag on the inode and the entry in the dictionary, held against each
// other (DESIGN 4: R1, R2, R6).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>

#include "base/failpoint.h"
#include "base/log.h"
#include "fs/magic_link.h"
#include "fs/volume.h"

namespace tdefs {
// `path_only`: the descriptor is O_PATH, which has no fgetxattr.
Result<std::optional<FileRecord>> Volume::ReadTag(int fd, bool path_only) const {
  std::array<std::byte, kTagBytes + 1> bytes;  // one more, so that a longer value is not taken for a whole tag
  const ssize_t size = Point<"tag.read", CallKind::kAttribute>().Run([&] {
    return path_only ? ::getxattr(MagicLink(fd).c_str(), kTagXattrName, bytes.data(), bytes.size())
                     : ::fgetxattr(fd, kTagXattrName, bytes.data(), bytes.size());
  });
  if (size < 0 && errno == ENODATA) return std::nullopt;
  if (size < 0 && errno == ERANGE) return Fail(ErrorCode::kTampered, "tag is longer than a tag");
  if (size < 0) return FailErrno(errno, "read of the tag");
  return TRY(keys_.tags().Decode(ByteView(bytes).first(static_cast<size_t>(size))));
}

Status Volume::WriteTag(int fd, bool path_only, const FileRecord& record) const {
  const Tag tag = TRY(keys_.tags().Encode(record));
  const int result = Point<"tag.write", CallKind::kAttribute>().Run([&] {
    return path_only ? ::setxattr(MagicLink(fd).c_str(), kTagXattrName, tag.data(), tag.size(), 0)
                     : ::fsetxattr(fd, kTagXattrName, tag.data(), tag.size(), 0);
  });
  if (result != 0) return FailErrno(errno, "write of the tag");
  return {};
}

// Requires: inode.mutex is held. Takes over the pin of `record`.
void Volume::SetRecord(Inode& inode, std::optional<RecordId> record) {
  if (inode.record) keys_.files().Unpin(*inode.record);
  inode.record = record;
}

// A name was looked up: its entry in the dictionary becomes the inode's record. While healing, the tag decides and the
// entry follows (R2); otherwise two names of one file with different records are a conflict that Verify reports.
// Requires: dir.names_mutex is held.
void Volume::MatchName(Inode& dir, const char* name, Inode& inode, uint64_t size) {
  std::lock_guard lock(inode.mutex);
  auto entry = keys_.files().Find(*dir.directory, name);
  if (keys_.healing() || (!entry && !inode.record && size == 0)) {
    auto descriptor = table_->Descriptor(inode);
    auto tag = descriptor ? ReadTag((*descriptor)->get(), true) : std::unexpected(descriptor.error());
    if (tag && *tag && keys_.healing()) return HealName(dir, name, inode, entry, **tag);
    if (!tag && tag.error().code == ErrorCode::kSystem && keys_.healing()) keys_.RequireHealing();  // not seen yet
    if (tag && !*tag && !entry && !inode.record && size == 0) return AdoptEmpty(dir, name, inode);
  }
  if (!entry) {
    if (inode.record) inode.record_conflict = true;
    return;
  }
  if (!inode.record) {
    inode.record = entry;
    return;
  }
  if (*entry != *inode.record) JoinNames(dir, name, inode, *entry);
  keys_.files().Unpin(*entry);
}

// Two names of one file have a record each. Healing that met them one by one, the file being forgotten in between,
// leaves them equal: they are made one again, since the next change of the record has to reach all names. If they
// differ it is for Verify to refuse. Requires: dir.names_mutex and inode.mutex are held, inode.record is set.
void Volume::JoinNames(Inode& dir, const char* name, Inode& inode, RecordId entry) {
  FileDictionary& files = keys_.files();
  if (files.Get(entry) != files.Get(*inode.record)) {
    inode.record_conflict = true;
    return;
  }
  if (options_.read_only) return;
  auto change = files.Link(*dir.directory, name, *inode.record);
  if (change) files.Unpin(change->record);
  Changed(inode, change ? Result<Sequence>(change->sequence) : std::unexpected(change.error()), "a link");
}

// Requires: inode.mutex is held; takes over the pin of `entry`.
void Volume::HealName(Inode& dir, const char* name, Inode& inode, std::optional<RecordId> entry,
                      const FileRecord& tag) {
  FileDictionary& files = keys_.files();
  inode.record_conflict = false;
  const bool entry_is_right = entry && files.Get(*entry) == tag;
  if (entry_is_right && (!inode.record || *inode.record == *entry)) {
    if (inode.record) {
      files.Unpin(*entry);
    } else {
      inode.record = entry;
    }
    return;
  }
  if (entry) files.Unpin(*entry);
  // A name of a file that has another, healed name is a hard link of it. An entry that is wrong is never changed, since
  // other names may share it: this name gets a record of its own.
  const bool known_is_right = inode.record && files.Get(*inode.record) == tag;
  auto change =
      known_is_right ? files.Link(*dir.directory, name, *inode.record) : files.Insert(*dir.directory, name, tag);
  if (!change) {
    Log(LogLevel::kError, "file dictionary: healing failed: {}", change.error().Text());
    // The walk that met this name must not count as complete, unless another one would meet the same.
    if (change.error().Errno() != ENAMETOOLONG) keys_.RequireHealing();
    return;
  }
  SetRecord(inode, change->record);
  inode.Depend(change->sequence);
  statistics_.healed_files.fetch_add(1, std::memory_order_relaxed);
  const std::string path = files.PathOf(*dir.directory, name).value_or("(unlinked)");
  Log(LogLevel::kWarn, "healed the entry of {} from its tag", LogPath(path));
}

// An empty file without tag and entry is a new file: made by a crash between creating and tagging it.
// Requires: inode.mutex is held.
void Volume::AdoptEmpty(Inode& dir, const char* name, Inode& inode) {
  if (options_.read_only) return;
  auto adopt = [&]() -> Status {
    auto descriptor = TRY(table_->Descriptor(inode));
    const FileRecord record = TRY(keys_.NewRecord());
    TRY(WriteTag(descriptor->get(), true, record));
    auto change = TRY(keys_.files().Insert(*dir.directory, name, record));
    SetRecord(inode, change.record);
    inode.Depend(change.sequence);
    return {};
  };
  if (Status status = adopt(); !status) Log(LogLevel::kWarn, "empty file without record: {}", status.error().Text());
}

Error Volume::Refuse(const Inode& inode, ErrorCode code, const char* what) {
  auto& counter = code == ErrorCode::kForeign ? statistics_.foreign_files : statistics_.tampered_files;
  counter.fetch_add(1, std::memory_order_relaxed);
  const std::string path = inode.record ? keys_.files().PathOf(*inode.record).value_or("(unlinked)")
                                        : "inode " + std::to_string(inode.key.ino);
  Error error{code, 0, std::string(LogPath(path)) + ": " + what};
  Log(LogLevel::kError, "refused: {}", error.message);
  return error;
}

// The key of a file that is about to be opened, or why it must not be: tag and dictionary have to agree.
// Requires: inode.mutex is held.
Result<ContentKey> Volume::Verify(Inode& inode, int fd) {
  auto refuse = [&](ErrorCode code, const char* what) { return std::unexpected(Refuse(inode, code, what)); };
  auto tag = ReadTag(fd, false);
  if (!tag && tag.error().code == ErrorCode::kSystem) return std::unexpected(tag.error());
  if (!tag) return refuse(tag.error().code, tag.error().message.c_str());
  if (keys_.healing() && *tag) {  // the tag has the last word, even where the dictionary could not follow
    ContentKey key{.record = **tag, .cipher = TRY(keys_.CipherFor(**tag))};
    return key;
  }
  if (inode.record_conflict) return refuse(ErrorCode::kTampered, "its names have different records");
  if (!*tag) {
    struct stat attributes;
    if (::fstat(fd, &attributes) != 0) return FailErrno();
    if (attributes.st_size == 0 && inode.record && !options_.read_only) {
      const FileRecord fresh = TRY(keys_.NewRecord());
      TRY(WriteTag(fd, false, fresh));
      inode.Depend(TRY(keys_.files().Update(*inode.record, fresh)));
      return ContentKey{fresh, TRY(keys_.CipherFor(fresh)), true};
    }
    if (attributes.st_size == 0 && options_.read_only) return ContentKey{};
    if (attributes.st_size == 0) return FailErrno(ESTALE);  // not adopted yet: the kernel looks it up once more
    if (inode.record) return refuse(ErrorCode::kTampered, "it has content and a record, but no tag");
    return refuse(ErrorCode::kForeign, "it has content, but neither tag nor record");
  }
  const FileRecord& record = **tag;
  if (!inode.record && !inode.removed && !inode.revived)
    return refuse(ErrorCode::kTampered, "it has a tag, but no record");
  if (inode.record && keys_.files().Get(*inode.record) != record) {
    return refuse(ErrorCode::kTampered, "its tag and its record differ");
  }
  return ContentKey{record, TRY(keys_.CipherFor(record))};
}

}  // namespace tdefs
