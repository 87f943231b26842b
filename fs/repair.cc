#include "fs/repair.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "fs/backing_walk.h"
#include "fs/dictionary_cursor.h"
#include "fs/magic_link.h"
#include "fs/touched_filesystems.h"

namespace tdefs {
namespace {

using Kind = RepairAction::Kind;

std::unexpected<Error> FailAt(const RepairAction& action, Error error) {
  error.message = fmt::format("{} of {}: {}", RepairActionName(action.kind), action.path, error.message);
  return std::unexpected(std::move(error));
}

class Repairer {
 public:
  Repairer(KeyManager& keys, int root_fd, const std::function<void(uint64_t)>& on_action)
      : keys_(keys), paths_(root_fd), on_action_(on_action) {}

  Result<std::string> KeepCopy(const RepairPlan& plan);
  Status RestoreTags(const RepairPlan& plan);
  Status ChangeEntries(const RepairPlan& plan);

 private:
  Result<UniqueFd> OpenSurveyed(const RepairAction& action);
  Status RestoreTag(const RepairAction& action);
  Status SetEntry(DictionaryCursor& cursor, const RepairAction& action);
  Status DropEntry(DictionaryCursor& cursor, const RepairAction& action);
  void Count() { on_action_(++done_); }

  KeyManager& keys_;
  BackingPaths paths_;
  const std::function<void(uint64_t)>& on_action_;
  TouchedFilesystems filesystems_;
  uint64_t done_ = 0;
};

// The very file that was judged: the plan may have waited for consent for a while.
Result<UniqueFd> Repairer::OpenSurveyed(const RepairAction& action) {
  UniqueFd fd = TRY(paths_.Open(action.path));
  struct stat attributes;
  if (::fstat(fd.get(), &attributes) != 0) return FailErrno(errno, "stat");
  if (attributes.st_dev == action.device && attributes.st_ino == action.inode) return fd;
  return Fail(ErrorCode::kStoreBusy, "another file stands there since the plan was made");
}

Result<std::string> Repairer::KeepCopy(const RepairPlan& plan) {
  RepairCopy copy = TRY(keys_.KeepCopy());
  for (const RepairAction& action : plan.actions) {
    copy.AddPlanLine(fmt::format("{}\t{}\t{}", RepairActionName(action.kind), action.path, action.message));
    if (action.kind != Kind::kRestoreTag) continue;
    auto fd = OpenSurveyed(action);
    if (!fd) return FailAt(action, std::move(fd).error());
    auto tag = ReadRawTag(fd->get());
    if (!tag) return FailAt(action, std::move(tag).error());
    copy.AddTag(action.path, *tag);
  }
  TRY(copy.Save());
  return copy.name();
}

Status Repairer::RestoreTag(const RepairAction& action) {
  const UniqueFd fd = TRY(OpenSurveyed(action));
  const Tag tag = TRY(keys_.tags().Encode(action.record));
  const std::string link = MagicLink(fd.get());
  const int set = Point<"repair.tag", CallKind::kAttribute>().Run(
      [&] { return ::setxattr(link.c_str(), kTagXattrName, tag.data(), tag.size(), 0); });
  if (set != 0) return FailErrno(errno, "write of the tag");
  return filesystems_.Add(action.device, fd.get());
}

Status Repairer::RestoreTags(const RepairPlan& plan) {
  for (const RepairAction& action : plan.actions) {
    if (action.kind != Kind::kRestoreTag) continue;
    if (Status restored = RestoreTag(action); !restored) return FailAt(action, std::move(restored).error());
    Count();
  }
  return filesystems_.Sync(Point<"repair.sync-tags", CallKind::kSync>());
}

Status Repairer::SetEntry(DictionaryCursor& cursor, const RepairAction& action) {
  FileDictionary& files = keys_.files();
  const size_t slash = action.path.rfind('/');
  const DirId dir = cursor.Enter(std::string_view(action.path).substr(0, slash));
  const std::string_view name = std::string_view(action.path).substr(slash + 1);
  // Entering may have removed the entry of a file that became a directory.
  const auto shared = action.link_to.empty() ? std::nullopt : files.FindRecord(action.link_to);
  const bool links = shared && files.Get(*shared) == action.record;
  const auto change = TRY(links ? files.Link(dir, name, *shared) : files.Insert(dir, name, action.record));
  files.Unpin(change.record);
  return {};
}

Status Repairer::DropEntry(DictionaryCursor& cursor, const RepairAction& action) {
  FileDictionary& files = keys_.files();
  const auto found = files.FindRecord(action.path);
  if (!found) return {};  // gone with what was adopted in its place; never remove a subtree
  const size_t slash = action.path.rfind('/');
  const DirId dir = cursor.Enter(std::string_view(action.path).substr(0, slash));
  TRY(files.Remove(dir, std::string_view(action.path).substr(slash + 1)));
  return {};
}

Status Repairer::ChangeEntries(const RepairPlan& plan) {
  DictionaryCursor cursor(keys_.files());
  for (const RepairAction& action : plan.actions) {
    Status changed;
    if (action.kind == Kind::kAdopt || action.kind == Kind::kSetEntry) changed = SetEntry(cursor, action);
    if (action.kind == Kind::kDropEntry) changed = DropEntry(cursor, action);
    if (!changed) return FailAt(action, std::move(changed).error());
    if (action.kind != Kind::kRestoreTag) Count();
  }
  return keys_.files().Flush(keys_.files().last());
}

}  // namespace

Result<std::string> CarryOut(const RepairPlan& plan, KeyManager& keys, const std::string& backing_dir,
                             const std::function<void(uint64_t)>& on_action) {
  const UniqueFd root = TRY(OpenAt(AT_FDCWD, backing_dir, O_RDONLY | O_DIRECTORY));
  Repairer repairer(keys, root.get(), on_action);
  std::string copy = TRY(repairer.KeepCopy(plan));
  TRY(keys.StartRepair());
  TRY(repairer.RestoreTags(plan));
  TRY(repairer.ChangeEntries(plan));
  if (plan.complete) keys.HealingDone(keys.healing_requests());
  TRY(keys.Close());
  return copy;
}

}  // namespace tdefs
