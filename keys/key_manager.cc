#include "keys/key_manager.h"

#include <fmt/core.h>

#include <unistd.h>

#include <atomic>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/require.h"
#include "crypto/random.h"
#include "keys/key_dictionary_file.h"
#include "keys/key_ring.h"
#include "keys/periodic_task.h"
#include "keys/rotation.h"
#include "keys/store_directory.h"
#include "keys/store_lock.h"
#include "keys/store_unlock.h"

namespace tdefs {

struct KeyManager::Impl {
  StoreDirectory directory;
  StoreLock lock;  // empty with kReadOnly
  Access access = Access::kReadOnly;
  RotationPolicy policy;
  std::unique_ptr<KeyRing> ring;
  std::unique_ptr<TagCodec> tags;
  std::unique_ptr<FileDictionary> files;
  Sequence sequence_at_open = 0;
  bool is_closed = false;
  bool repairing = false;  // StartRepair was called
  std::atomic<uint64_t> healing_requests = 0;
  std::atomic<uint64_t> healing_done = 0;  // of those requests
  std::atomic<uint64_t> failed_rotations = 0;
  std::unique_ptr<PeriodicTask> rotation;  // last: it uses the others

  EncryptionConfig encryption;
  uint32_t flush_interval_ms = 0;
  StoreId store_id{};
  SecretBytes dictionary_key;         // with kRepair only
  std::optional<Error> files_damage;  // with kRepair only

  FileDictionary::Options FileOptions(bool read_only) const;
  Status OpenFiles(UnlockedStore& store);
  Status RotateIfDue();
  Status FirstRotation();
  void MarkInUse();
  bool IsReadOnly() const { return access == Access::kReadOnly || access == Access::kRepair; }  // of key.dict
};

namespace {

// What stands in the way of this master key and method at a mount; asked before anything is written.
Status CheckMount(const EncryptionConfig& config, const UnlockedStore& store) {
  const Method method = config.data_encryption_method.value_or(store.dictionary.current().method);
  return CheckMethodAllowed(method, store.master->IsSecure());
}

// A damaged file by its path: the message of its reader says where in it.
Error AtFile(const StoreDirectory& directory, const char* name, Error error) {
  if (error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported) {
    error.message = fmt::format("{}/{}/{}: {}", directory.backing_dir, kStoreDirName, name, error.message);
  }
  return error;
}

}  // namespace

FileDictionary::Options KeyManager::Impl::FileOptions(bool read_only) const {
  FileDictionary::Options options;
  options.store_id = store_id;
  options.dictionary_key = dictionary_key.Clone();
  options.rewrite_threshold = encryption.file_dictionary_rewrite_threshold;
  options.compact_after_each_change = !encryption.enable_file_dictionary_log;
  options.flush_interval_ms = flush_interval_ms;
  options.read_only = read_only;
  return options;
}

Status KeyManager::Impl::OpenFiles(UnlockedStore& store) {
  store_id = store.dictionary.header.store_id;
  dictionary_key = store.dictionary.dictionary_key.Clone();
  const bool read_only = access == Access::kReadOnly || access == Access::kRepair;
  auto open = [&]() -> Result<std::unique_ptr<FileDictionary>> {
    TRY(FileSizeAt(directory.store.get(), kFileDictionaryName));  // kCorrupt if it is no regular file
    return FileDictionary::Open(directory.store.get(), FileOptions(read_only));
  };
  auto opened = open();
  const bool is_damaged = !opened && (opened.error().code == ErrorCode::kCorrupt ||  //
                                      opened.error().code == ErrorCode::kStoreIncomplete);
  if (is_damaged && access == Access::kRepair) {
    files_damage = AtFile(directory, kFileDictionaryName, std::move(opened).error());
    opened = FileDictionary::Absent(directory.store.get(), FileOptions(true));
  }
  if (!opened) return std::unexpected(AtFile(directory, kFileDictionaryName, std::move(opened).error()));
  files = *std::move(opened);
  if (access != Access::kRepair) dictionary_key = {};
  sequence_at_open = files->last();
  healing_requests = !files->report().clean || !files->report().healed ? 1 : 0;
  return {};
}

Status KeyManager::Impl::RotateIfDue() {
  const DataKeyInfo current = ring->Current();
  const auto reason = RotationDue(policy, current, ring->MasterKeyIsSecure(), UnixNow());
  if (!reason) return {};
  auto id = ring->Rotate(policy.method);
  if (!id) {
    ++failed_rotations;
    Log(LogLevel::kWarn, "data key {} is to be rotated, since {}, but stays: {}", current.id,
        RotationReasonName(*reason), id.error().Text());
    return std::unexpected(std::move(id).error());
  }
  Log(LogLevel::kInfo, "data key {} follows {}, since {}", *id, current.id, RotationReasonName(*reason));
  return {};
}

// At a mount, a key that is merely old may stay if it must; the wrong method or an exposed key may not.
Status KeyManager::Impl::FirstRotation() {
  Status status = RotateIfDue();
  if (status) return {};
  const auto reason = RotationDue(policy, ring->Current(), ring->MasterKeyIsSecure(), UnixNow());
  return reason && *reason != RotationReason::kAge ? status : Status();
}

// The clean mark of the last shutdown must not be the log's end while files change: a power cut may keep their tags and
// lose the last second of the log. So the log says from the start, durably, that it is in use (R2).
void KeyManager::Impl::MarkInUse() {
  Status marked = files->MarkInUse();
  if (!marked) Log(LogLevel::kWarn, "file dictionary: not marked as in use: {}", marked.error().Text());
}

Result<std::unique_ptr<KeyManager>> KeyManager::Open(const std::string& backing_dir, const EncryptionConfig& config,
                                                     uint32_t flush_interval_ms, Access access) {
  auto impl = std::make_unique<Impl>();
  impl->access = access;
  impl->policy = {.method = config.data_encryption_method, .period = config.data_key_rotation_period};
  impl->directory = TRY(OpenStoreDirectory(backing_dir));
  impl->encryption = config;
  impl->flush_interval_ms = flush_interval_ms;
  if (access == Access::kRepair) {
    TRY(CheckKeyDictionaryThere(impl->directory));
  } else {
    TRY(CheckStoreComplete(impl->directory));
  }
  const int store_dir_fd = impl->directory.store.get();
  if (access != Access::kReadOnly)
    impl->lock = TRY(StoreLock::Acquire(store_dir_fd, impl->directory.backing_dir));  // R9

  auto unlock = [&]() -> Result<UnlockedStore> {
    const Bytes encoded = TRY(ReadKeyDictionaryFile(store_dir_fd));
    return UnlockStore(encoded, config, impl->directory.backing_dir);
  };
  auto unlocked = unlock();
  if (!unlocked) return std::unexpected(AtFile(impl->directory, kKeyDictionaryName, std::move(unlocked).error()));
  UnlockedStore& store = *unlocked;
  if (access == Access::kMount) TRY(CheckMount(config, store));
  TRY(impl->OpenFiles(store));
  if (access == Access::kMount || access == Access::kExclusive) {
    Status recorded = impl->lock.RecordHolder();
    if (!recorded) Log(LogLevel::kWarn, "lock file: our process id is not in it: {}", recorded.error().Text());
  }
  if (access == Access::kMount) TRY(FollowMasterKey(store_dir_fd, store));

  impl->tags = std::make_unique<TagCodec>(store.dictionary.header.store_id, store.dictionary.tag_mac_key.Clone());
  impl->ring = std::make_unique<KeyRing>(store_dir_fd, std::move(store.dictionary), std::move(store.root_key));
  if (access == Access::kMount) {
    TRY(impl->FirstRotation());
    impl->MarkInUse();
    impl->rotation = std::make_unique<PeriodicTask>(RotationCheckInterval(impl->policy),
                                                    [raw = impl.get()] { (void)raw->RotateIfDue(); });
  }
  return std::unique_ptr<KeyManager>(new KeyManager(std::move(impl)));
}

KeyManager::KeyManager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyManager::~KeyManager() = default;

Result<FileRecord> KeyManager::NewRecord() {
  const DataKeyInfo current = impl_->ring->Current();  // id and method of one moment
  FileRecord record{.method = current.method};
  if (current.method == Method::kPlaintext) return record;
  record.key_id = current.id;
  TRY(FillRandom(record.iv));
  return record;
}

Result<std::shared_ptr<const ContentCipher>> KeyManager::CipherFor(const FileRecord& record) {
  return impl_->ring->CipherFor(record);
}

const TagCodec& KeyManager::tags() const {
  return *impl_->tags;
}
FileDictionary& KeyManager::files() {
  return *impl_->files;
}

Result<DataKeyId> KeyManager::RotateDataKey(std::optional<Method> method) {
  if (impl_->IsReadOnly()) return Fail(ErrorCode::kUsage, "rotate: the store is open for reading only");
  auto id = impl_->ring->Rotate(method);
  if (!id) ++impl_->failed_rotations;
  return id;
}

Status KeyManager::RotateIfDue() {
  if (impl_->IsReadOnly()) return Fail(ErrorCode::kUsage, "rotate: the store is open for reading only");
  return impl_->RotateIfDue();
}

bool KeyManager::healing() const {
  return impl_->healing_requests != impl_->healing_done;
}
void KeyManager::HealingDone(uint64_t requests) {
  impl_->healing_done = requests;
}
uint64_t KeyManager::healing_requests() const {
  return impl_->healing_requests;
}

void KeyManager::RequireHealing() {
  ++impl_->healing_requests;
}

const Error* KeyManager::files_damage() const {
  return impl_->files_damage ? &*impl_->files_damage : nullptr;
}

Result<RepairCopy> KeyManager::KeepCopy() const {
  return RepairCopy::Create(impl_->directory.store.get());
}

Status KeyManager::StartRepair() {
  Require(impl_->access == Access::kRepair, "a repair has opened the store");
  const int store_dir_fd = impl_->directory.store.get();
  if (impl_->files_damage) TRY(FileDictionary::Create(store_dir_fd, impl_->FileOptions(false)));
  impl_->files = TRY(FileDictionary::Open(store_dir_fd, impl_->FileOptions(false)));
  impl_->sequence_at_open = impl_->files->last();
  Status recorded = impl_->lock.RecordHolder();
  if (!recorded) Log(LogLevel::kWarn, "lock file: our process id is not in it: {}", recorded.error().Text());
  impl_->repairing = true;
  return impl_->files->MarkInUse();
}

std::vector<DataKeyInfo> KeyManager::ListKeys() const {
  return impl_->ring->List();
}
StoreInfo KeyManager::Info() const {
  return impl_->ring->Info();
}
DataKeyId KeyManager::current_key_id() const {
  return impl_->ring->Current().id;
}
uint64_t KeyManager::failed_rotations() const {
  return impl_->failed_rotations;
}

Status KeyManager::Close() {
  impl_->rotation.reset();
  if (impl_->access == Access::kReadOnly || std::exchange(impl_->is_closed, true)) return {};
  if (impl_->access == Access::kRepair && !impl_->repairing) return {};
  // A tool that changed nothing leaves the log's end, whatever it says, to the next mount.
  if (impl_->access == Access::kExclusive && impl_->files->last() == impl_->sequence_at_open) return {};
  // The mark vouches for tags and names too, and a power cut right after it must not find older ones.
  const int synced = Point<"close.sync", CallKind::kSync>().Run([&] { return ::syncfs(impl_->directory.store.get()); });
  if (synced != 0) return FailErrno(errno, "sync of the backing filesystem");
  return impl_->files->MarkClean(!healing());
}

}  // namespace tdefs
