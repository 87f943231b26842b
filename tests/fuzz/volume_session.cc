#include "tests/fuzz/volume_session.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <set>

#include "tests/fuzz/must.h"

namespace tdefs {
namespace {

constexpr size_t kKnownMax = 16;
constexpr size_t kFilesMax = 4;
constexpr uint64_t kSizeMax = 40'000;
constexpr uint64_t kLengthMax = 6'000;
constexpr mode_t kMode = 0640;

// The outcome must be that errno, or success for 0.
template <typename Outcome>
void MustBe(const Outcome& outcome, int expected, const std::source_location& place = std::source_location::current()) {
  const int found = outcome.has_value() ? 0 : outcome.error().Errno();
  if (found != expected) std::fprintf(stderr, "errno %d, expected %d\n", found, expected);
  Must(found == expected, place);
}

const std::string& NameOf(uint8_t number) {
  static const std::string names[] = {
      "a", "b", "c",  "d",   "e",  kStoreDirName, "\xff\xfe\x80", std::string(255, 'n'), std::string(256, 'n'),
      "",  ".", "..", "x/y", "a ", ".tdefs2",     kTagXattrName};
  return number < 192 ? names[number % 5] : names[number % std::size(names)];
}

const std::string& XattrOf(uint8_t number) {
  static const std::string names[] = {"user.a", "user.b", kTagXattrName, "user.tdefs2", "user.tdef"};
  return names[number % std::size(names)];
}

ModelPtr NewNode(mode_t type) {
  auto node = std::make_shared<ModelNode>();
  node->type = type;
  node->mode = S_ISLNK(type) ? 0777 : kMode;
  return node;
}

Bytes Content(const VolumeSession::Choice& choice, uint64_t length) {
  Bytes data(length, static_cast<std::byte>(choice.other_name));
  // Not all alike, unless all zero: those are stored in another way.
  if (choice.other_name != 0) data.front() = static_cast<std::byte>(length);
  return data;
}

}  // namespace

VolumeSession::VolumeSession(FuzzStore& store) : store_(store) {
  store_.Reset();
  model_.root()->mode = 0755;
  Start();
}

VolumeSession::~VolumeSession() {
  ChangeStore({});
  Stop(true);
}

// ------------------------------------------------------------------------------------------------ what is remembered

const VolumeSession::Known& VolumeSession::Pick(uint8_t number) const {
  const Known& known = known_[number % known_.size()];
  return known.node->lost ? known_.front() : known;
}

VolumeSession::OpenedFile* VolumeSession::PickFile(uint8_t number) {
  return files_.empty() ? nullptr : &files_[number % files_.size()];
}

// Takes over the lookup that was counted for the entry.
void VolumeSession::Keep(const Entry& entry, const ModelPtr& node) {
  CompareAttributes(entry.attributes, node);
  ++lookups_[entry.id];
  for (const Known& known : known_) Must(known.node != node || known.id == entry.id);
  std::erase_if(known_, [&](const Known& known) { return known.id == entry.id && known.node != node; });
  if (known_.size() < kKnownMax) {
    known_.push_back({entry.id, node});
  } else {
    known_[next_known_] = {entry.id, node};
    next_known_ = 1 + next_known_ % (kKnownMax - 1);
  }
  ForgetUnused();
}

void VolumeSession::KeepFile(NodeId id, const ModelPtr& node, std::unique_ptr<FileHandle> handle) {
  if (files_.size() == kFilesMax) CloseFile(0);
  ++node->open_handles;
  files_.push_back({id, node, std::move(handle)});
}

void VolumeSession::CloseFile(size_t index) {
  --files_[index].node->open_handles;
  files_.erase(files_.begin() + static_cast<ptrdiff_t>(index));
  ForgetUnused();
}

void VolumeSession::ForgetUnused() {
  std::erase_if(lookups_, [&](const auto& counted) {
    auto is_it = [&](const auto& used) { return used.id == counted.first; };
    if (std::ranges::any_of(known_, is_it) || std::ranges::any_of(files_, is_it)) return false;
    volume_->Forget(counted.first, counted.second);
    return true;
  });
}

// -------------------------------------------------------------------------------------------------------------- names

void VolumeSession::Make(const Choice& choice) {
  const Known parent = Pick(choice.node);
  const std::string& name = NameOf(choice.name);
  constexpr mode_t kTypes[] = {S_IFDIR, S_IFDIR, S_IFLNK, S_IFIFO};
  const ModelPtr made = NewNode(kTypes[choice.other % std::size(kTypes)]);
  const int expected = model_.Enter(parent.node, name, made);
  auto entry = [&] {
    if (made->IsDirectory()) return volume_->MakeDirectory(parent.id, name.c_str(), kMode, Caller());
    if (S_ISFIFO(made->type)) return volume_->MakeNode(parent.id, name.c_str(), S_IFIFO | kMode, 0, Caller());
    made->target = "../" + NameOf(choice.other_name) + "/" + kStoreDirName;
    return volume_->MakeSymlink(parent.id, name.c_str(), made->target.c_str(), Caller());
  }();
  MustBe(entry, expected);
  if (entry) Keep(*entry, made);
}

void VolumeSession::Create(const Choice& choice) {
  const Known parent = Pick(choice.node);
  const std::string& name = NameOf(choice.name);
  const bool exclusive = choice.other % 4 == 0, truncate = choice.other % 4 == 1;
  ModelPtr node = NewNode(S_IFREG);
  int expected = model_.Enter(parent.node, name, node);
  if (expected == EEXIST && !exclusive) {
    expected = model_.Lookup(parent.node, name, node);
    if (expected == 0 && !node->IsRegular()) expected = node->IsDirectory() ? EISDIR : ENXIO;
    if (expected == 0 && truncate) node->content.clear();
  }
  const int flags =
      O_RDWR | (exclusive ? O_EXCL : 0) | (truncate ? O_TRUNC : 0) | ((choice.other_name & 1) != 0 ? O_DIRECT : 0);
  auto opened = volume_->Create(parent.id, name.c_str(), kMode, flags, Caller());
  MustBe(opened, expected);
  if (!opened) return;
  KeepFile(opened->entry.id, node, std::move(opened->handle));
  if (truncate) opened->entry.attributes.st_size = 0;  // taken before the file was emptied
  Keep(opened->entry, node);
}

void VolumeSession::CreateUnnamed(const Choice& choice) {
  const Known parent = Pick(choice.node);
  const bool exclusive = choice.other % 4 == 0;  // with O_TMPFILE: never to get a name
  auto opened = volume_->CreateUnnamed(parent.id, kMode, O_RDWR | (exclusive ? O_EXCL : 0), Caller());
  MustBe(opened, parent.node->IsDirectory() ? 0 : ENOTDIR);
  if (!opened) return;
  const ModelPtr node = NewNode(S_IFREG);
  node->linkable = !exclusive;
  KeepFile(opened->entry.id, node, std::move(opened->handle));
  Keep(opened->entry, node);
}

void VolumeSession::Link(const Choice& choice) {
  const Known known = Pick(choice.node), parent = Pick(choice.other);
  const std::string& name = NameOf(choice.name);
  const int expected = model_.Link(known.node, parent.node, name);
  auto entry = volume_->Link(known.id, parent.id, name.c_str());
  MustBe(entry, expected);
  if (entry) Keep(*entry, known.node);
}

void VolumeSession::Remove(const Choice& choice) {
  const Known parent = Pick(choice.node);
  const std::string& name = NameOf(choice.name);
  if (choice.other % 2 == 0) {
    const int expected = model_.Unlink(parent.node, name);
    MustBe(volume_->Unlink(parent.id, name.c_str()), expected);
  } else {
    const int expected = model_.RemoveDirectory(parent.node, name);
    MustBe(volume_->RemoveDirectory(parent.id, name.c_str()), expected);
  }
}

void VolumeSession::Rename(const Choice& choice) {
  constexpr unsigned kFlags[] = {
      0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE, RENAME_WHITEOUT};
  const Known from = Pick(choice.node), to = Pick(choice.other);
  const std::string &from_name = NameOf(choice.name), &to_name = NameOf(choice.other_name);
  const unsigned flags = kFlags[choice.number % std::size(kFlags)];
  const int expected = model_.Rename(from.node, from_name, to.node, to_name, flags);
  MustBe(volume_->Rename(from.id, from_name.c_str(), to.id, to_name.c_str(), flags), expected);
}

void VolumeSession::Lookup(const Choice& choice) {
  const Known parent = Pick(choice.node);
  const std::string& name = NameOf(choice.name);
  ModelPtr node;
  const int expected = model_.Lookup(parent.node, name, node);
  auto entry = volume_->Lookup(parent.id, name.c_str());
  MustBe(entry, expected);
  if (entry) Keep(*entry, node);
}

void VolumeSession::Forget(const Choice& choice) {
  const size_t index = choice.node % known_.size();
  if (index == 0) return;
  known_.erase(known_.begin() + static_cast<ptrdiff_t>(index));
  next_known_ = 1;
  ForgetUnused();
}

// -------------------------------------------------------------------------------------------------------------- files

void VolumeSession::Open(const Choice& choice) {
  const Known known = Pick(choice.node);
  const bool truncate = choice.other % 4 == 0;
  const int flags = O_RDWR | (truncate ? O_TRUNC : 0) | ((choice.other & 0x80) != 0 ? O_DIRECT : 0);
  auto handle = volume_->Open(known.id, flags);
  MustBe(handle, known.node->IsRegular() ? 0 : known.node->IsDirectory() ? EISDIR : ENXIO);
  if (!handle) return;
  if (truncate) known.node->content.clear();
  KeepFile(known.id, known.node, *std::move(handle));
}

void VolumeSession::Close(const Choice& choice) {
  if (!files_.empty()) CloseFile(choice.node % files_.size());
}

void VolumeSession::Write(const Choice& choice) {
  OpenedFile* file = PickFile(choice.node);
  if (file == nullptr) return;
  const bool too_far = choice.name == 255;
  const uint64_t length = 1 + choice.name * 97 % kLengthMax;
  const uint64_t offset = too_far ? (uint64_t{1} << 63) - length : choice.number % kSizeMax;
  Bytes data = Content(choice, length);
  Bytes& content = file->node->content;
  if (!too_far) {
    if (offset + length > content.size()) content.resize(offset + length);
    std::ranges::copy(data, content.begin() + static_cast<ptrdiff_t>(offset));
  }
  const auto written = volume_->Write(*file->handle, offset, data);
  MustBe(written, too_far ? EFBIG : 0);
  Must(!written || *written == length);
}

void VolumeSession::Read(const Choice& choice) {
  OpenedFile* file = PickFile(choice.node);
  if (file == nullptr) return;
  const ByteView content(file->node->content);
  const uint64_t begin = std::min<uint64_t>(choice.number, content.size());
  const uint64_t end = std::min<uint64_t>(begin + choice.name * 97, content.size());
  IoBuffer buffer;
  const auto found = volume_->Read(*file->handle, choice.number, choice.name * 97, buffer);
  Must(found && std::ranges::equal(*found, content.subspan(begin, end - begin)));
  if (choice.other % 4 == 0) Must(volume_->Sync(*file->handle, choice.other % 8 == 0).has_value());
}

void VolumeSession::Allocate(const Choice& choice) {
  constexpr int kModes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE};
  OpenedFile* file = PickFile(choice.node);
  if (file == nullptr) return;
  const int mode = kModes[choice.other % std::size(kModes)];
  const uint64_t offset = choice.number % kSizeMax, length = 1 + choice.name * 97;
  const auto allocated = volume_->Allocate(*file->handle, mode, offset, length);
  MustBe(allocated, (mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0 ? EOPNOTSUPP : 0);
  Bytes& content = file->node->content;
  if (allocated && mode == 0 && offset + length > content.size()) content.resize(offset + length);
  if ((mode & FALLOC_FL_PUNCH_HOLE) != 0 && offset < content.size()) {
    const uint64_t end = std::min<uint64_t>(offset + length, content.size());
    std::fill(content.begin() + static_cast<ptrdiff_t>(offset), content.begin() + static_cast<ptrdiff_t>(end),
              std::byte{0});
  }
}

void VolumeSession::Resize(const Choice& choice) {
  const Known known = Pick(choice.node);
  OpenedFile* file = choice.other % 2 == 0 ? PickFile(choice.node) : nullptr;
  const ModelPtr& node = file != nullptr ? file->node : known.node;
  AttributeChange change;
  change.size = choice.other % 8 == 0 ? 0 : choice.number % kSizeMax;
  const auto found = volume_->SetAttributes(file != nullptr ? file->id : known.id,
                                            file != nullptr ? file->handle.get() : nullptr, change);
  MustBe(found, node->IsRegular() ? 0 : node->IsDirectory() ? EISDIR : EINVAL);
  if (!found) return;
  node->content.resize(*change.size);
  CompareAttributes(*found, node);
}

// --------------------------------------------------------------------------------------------------------- attributes

void VolumeSession::ChangeMode(const Choice& choice) {
  const Known known = Pick(choice.node);
  if (S_ISLNK(known.node->type)) return;  // the kernel does not ask for it
  AttributeChange change;
  change.mode = choice.number & 0777;
  const auto found = volume_->SetAttributes(known.id, nullptr, change);
  Must(found.has_value());
  known.node->mode = *change.mode;
  CompareAttributes(*found, known.node);
}

void VolumeSession::SetXattr(const Choice& choice) {
  const Known known = Pick(choice.node);
  const std::string& name = XattrOf(choice.name);
  const int flags = choice.other % 4 == 0 ? XATTR_CREATE : choice.other % 4 == 1 ? XATTR_REPLACE : 0;
  const bool is_there = known.node->xattrs.contains(name);
  const std::string value(choice.number % 300, static_cast<char>(choice.other_name));
  const int expected = name == kTagXattrName || !known.node->MayHaveXattrs() ? EPERM
                       : is_there && flags == XATTR_CREATE                   ? EEXIST
                       : !is_there && flags == XATTR_REPLACE                 ? ENODATA
                                                                             : 0;
  MustBe(volume_->SetXattr(known.id, name.c_str(), AsBytes(value), flags), expected);
  if (expected == 0) known.node->xattrs[name] = value;
}

void VolumeSession::RemoveXattr(const Choice& choice) {
  const Known known = Pick(choice.node);
  const std::string& name = XattrOf(choice.name);
  const bool forbidden = name == kTagXattrName || !known.node->MayHaveXattrs();
  const int expected = forbidden ? EPERM : known.node->xattrs.contains(name) ? 0 : ENODATA;
  MustBe(volume_->RemoveXattr(known.id, name.c_str()), expected);
  known.node->xattrs.erase(name);
}

void VolumeSession::GetXattrs(const Choice& choice) {
  const Known known = Pick(choice.node);
  CompareXattrs(known.id, known.node);
}

void VolumeSession::CheckAttributes(const Choice& choice) {
  const Known& known = known_[choice.other % known_.size()];
  const auto found = volume_->GetAttributes(known.id, nullptr);
  Must(found.has_value());
  CompareAttributes(*found, known.node);
}

void VolumeSession::ReadOther(const Choice& choice) {
  const Known known = Pick(choice.node);
  if (known.node->IsDirectory()) CompareNames(known.id, known.node);
  const auto target = volume_->ReadLink(known.id);
  Must(target.has_value() == S_ISLNK(known.node->type));
  if (target) Must(*target == known.node->target);
  const auto entry = volume_->LookupSelf(known.id);
  MustBe(entry, known.node->Links() == 0 ? ESTALE : 0);
  Must(!entry || entry->id == known.id);
  if (entry) Keep(*entry, known.node);
}

}  // namespace tdefs
