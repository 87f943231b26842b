// KeyManager::InitStore: a store from nothing, atomically: it exists once key.dict does.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/file_io.h"
#include "crypto/random.h"
#include "keys/key_dictionary_file.h"
#include "keys/key_manager.h"
#include "keys/log_format.h"
#include "keys/store_directory.h"
#include "keys/store_lock.h"
#include "keys/store_unlock.h"

namespace tdefs {
namespace {

constexpr Method kDefaultMethod = Method::kAes256Ctr;
constexpr size_t kPurposeKeyBytes = 32;
// The header and one clean record, which is shorter than one of any file.
constexpr uint64_t kEmptyFileDictionaryBytesMax = kLogHeaderBytes + kLogRecordOverhead + 8;

// The dictionary of a new store; its first generation once saved.
Result<KeyDictionary> MakeKeyDictionary(MasterKeyProvider& master, const SecretBytes& root_key, Method method) {
  KeyDictionary dictionary;
  TRY(FillRandom(dictionary.header.store_id));
  dictionary.header.wraps.push_back(TRY(WrapAndTest(master, root_key, dictionary.header.store_id)));
  dictionary.dictionary_key = TRY(RandomSecret(kPurposeKeyBytes));
  dictionary.tag_mac_key = TRY(RandomSecret(kPurposeKeyBytes));
  DataKey key = TRY(MakeDataKey(method, {}));
  key.exposed = !master.IsSecure();
  dictionary.current_key_id = key.id;
  dictionary.keys.emplace(key.id, std::move(key));
  return dictionary;
}

// An empty file dictionary that says of itself that it is clean: the first mount has nothing to heal.
Status MakeFileDictionary(int store_dir_fd, const KeyDictionary& dictionary) {
  auto options = [&] {
    FileDictionary::Options made;
    made.store_id = dictionary.header.store_id;
    made.dictionary_key = dictionary.dictionary_key.Clone();
    return made;
  };
  TRY(FileDictionary::Create(store_dir_fd, options()));
  const auto files = TRY(FileDictionary::Open(store_dir_fd, options()));
  return files->MarkClean(true);
}

// Refuses a store; passes nothing and what a failed init left.
Status CheckNoStore(const StoreDirectory& directory) {
  const auto key_bytes = TRY(FileSizeAt(directory.store.get(), kKeyDictionaryName));
  if (key_bytes) return Fail(ErrorCode::kStoreExists, fmt::format("{}: is a store already", directory.backing_dir));
  const auto file_bytes = TRY(FileSizeAt(directory.store.get(), kFileDictionaryName));
  if (!file_bytes || *file_bytes <= kEmptyFileDictionaryBytesMax) return {};
  return Fail(ErrorCode::kStoreIncomplete,
              fmt::format("{}: its {} ({} bytes) holds records, but its {} is missing; restore it from a backup",
                          directory.backing_dir, kFileDictionaryName, *file_bytes, kKeyDictionaryName));
}

// Tags are user extended attributes: without them no file could be made later.
Status CheckXattrSupport(const StoreLock& lock, const std::string& backing_dir) {
  const std::byte probe{1};
  const int set = Point<"init.probe-tag", CallKind::kAttribute>().Run(
      [&] { return ::fsetxattr(lock.fd(), kTagXattrName, &probe, sizeof probe, 0); });
  if (set == 0) {
    ::fremovexattr(lock.fd(), kTagXattrName);
    return {};
  }
  if (errno != ENOTSUP) return FailErrno(errno, "set an extended attribute in " + backing_dir);
  return Fail(ErrorCode::kBadPath,
              fmt::format("backing directory {}: its filesystem has no user extended attributes", backing_dir));
}

void RemoveFiles(int store_dir_fd) {
  for (const std::string name : {kKeyDictionaryName, kFileDictionaryName}) {
    for (const char* suffix : {"", ".tmp", ".new"}) ::unlinkat(store_dir_fd, (name + suffix).c_str(), 0);
  }
}

Status WriteStore(const StoreDirectory& directory, MasterKeyProvider& master, Method method) {
  const StoreLock lock = TRY(StoreLock::Acquire(directory.store.get(), directory.backing_dir));
  TRY(CheckNoStore(directory));  // again: another init may have been faster
  TRY(CheckXattrSupport(lock, directory.backing_dir));
  RemoveFiles(directory.store.get());
  auto write = [&]() -> Status {
    const SecretBytes root_key = TRY(RandomSecret(kRootKeyBytes));
    KeyDictionary dictionary = TRY(MakeKeyDictionary(master, root_key, method));
    TRY(MakeFileDictionary(directory.store.get(), dictionary));
    const int synced =
        Point<"init.fsync-backing", CallKind::kSync>().Run([&] { return ::fsync(directory.backing.get()); });
    if (synced != 0) return FailErrno(errno, "fsync " + directory.backing_dir);
    return SaveKeyDictionary(directory.store.get(), dictionary, root_key);
  };
  Status status = write();
  if (!status) RemoveFiles(directory.store.get());
  return status;
}

}  // namespace

Status KeyManager::InitStore(const std::string& backing_dir, const EncryptionConfig& config) {
  const std::string backing = TRY(ResolveBackingDir(backing_dir));
  const Method method = config.data_encryption_method.value_or(kDefaultMethod);
  const MasterKeyConfig master_config = config.master_key.value_or(MasterKeyConfig{});
  TRY(CheckMethodAllowed(method, master_config.type != MasterKeyConfig::Type::kPlaintext));
  const auto master = TRY(OpenMasterKey(master_config, backing));

  StoreDirectory directory;
  directory.backing_dir = backing;
  directory.backing = TRY(OpenAt(AT_FDCWD, backing, O_RDONLY | O_DIRECTORY));
  const bool made = Point<"init.mkdir", CallKind::kName>().Run(
                        [&] { return ::mkdirat(directory.backing.get(), kStoreDirName, 0700); }) == 0;
  if (!made && errno != EEXIST) return FailErrno(errno, fmt::format("make {}/{}", backing, kStoreDirName));
  directory = TRY(OpenStoreDirectory(backing));
  TRY(CheckNoStore(directory));
  Status status = WriteStore(directory, *master, method);
  if (!status && made) {
    ::unlinkat(directory.store.get(), kLockName, 0);
    ::unlinkat(directory.backing.get(), kStoreDirName, AT_REMOVEDIR);
  }
  return status;
}

}  // namespace tdefs
