// KeyManager: the one class of keys/ that fs/ talks to. It owns an open store: its lock, root key, data keys, tags and
// file dictionary. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "crypto/content_cipher.h"
#include "keys/file_dictionary.h"
#include "keys/file_record.h"
#include "keys/repair_copy.h"
#include "keys/store_info.h"
#include "keys/tag.h"

namespace tdefs {

class KeyManager {
 public:
  enum class Access : uint8_t {
    kMount,      // takes the lock, rotates keys, follows a changed master key, writes
    kExclusive,  // takes the lock and writes only what it is told to: `keys rotate` on an unmounted store
    kReadOnly,   // takes no lock and writes nothing: check, files, keys list on an unmounted store
    kRepair,  // takes the lock and writes nothing before StartRepair; opens a store without a readable file.dict, too
  };

  // Makes a store in the backing directory (absolute path): .tdefs with lock, file.dict and, last, key.dict, so that a
  // crash leaves no half store. The master key is opened first; nothing is written if it is not usable. A leftover
  // .tdefs without key.dict and with an empty file.dict is a failed init and is replaced. kBadPath where the filesystem
  // has no user extended attributes.
  static Status InitStore(const std::string& backing_dir, const EncryptionConfig& config);

  // Opens a store. With kMount: the configured master key first, then the previous one, after which the root key is
  // wrapped anew under the first; both failing is one error that names both. A wrong key writes nothing.
  static Result<std::unique_ptr<KeyManager>> Open(const std::string& backing_dir, const EncryptionConfig& config,
                                                  uint32_t flush_interval_ms, Access access);
  ~KeyManager();

  // A record for a new or emptied file: current data key, its method, fresh IV. The key is durable already (R3).
  Result<FileRecord> NewRecord();
  // The cipher of a record; null for plaintext. kDataKeyMissing names the id.
  Result<std::shared_ptr<const ContentCipher>> CipherFor(const FileRecord& record);
  const TagCodec& tags() const;
  FileDictionary& files();

  // A new data key of the current method (or of `method`), durable before it is used. Returns its id. On an error the
  // old key stays current and nothing else changes.
  Result<DataKeyId> RotateDataKey(std::optional<Method> method = std::nullopt);
  // Rotates if the current key is older than the period, exposed, or not of the configured method; called by the
  // background thread at start and every min(10 min, period). A failure is logged and counted, never fatal.
  Status RotateIfDue();

  // True while a request for healing is open; an unclean opening is one. Tags then outrank the dictionary (R2), and an
  // orderly end leaves a note for the next mount.
  bool healing() const;
  // Another request: the dictionary may not know of a change of the backing directory.
  void RequireHealing();
  // How many requests there were so far; taken before the names are walked and given to HealingDone after it, so that a
  // request that came in between stays open.
  uint64_t healing_requests() const;
  void HealingDone(uint64_t requests);

  // With kRepair: why file.dict cannot be read (kCorrupt, kStoreIncomplete); files() is empty then. Null if it can.
  const Error* files_damage() const;
  // With kRepair: a copy of what is there, to be completed and saved before StartRepair.
  Result<RepairCopy> KeepCopy() const;
  // With kRepair, once: opens files() for writing. A torn tail is cut; what cannot be read is replaced by an empty
  // dictionary. The log counts as in use from here on, so that a crash leaves the rest to the next mount's healing.
  // What was found in files() before is invalid.
  Status StartRepair();

  std::vector<DataKeyInfo> ListKeys() const;
  StoreInfo Info() const;
  DataKeyId current_key_id() const;
  uint64_t failed_rotations() const;

  // Writes the clean mark (with kExclusive only if something was changed) and stops the background thread. The object
  // serves no more changes after it.
  Status Close();

 private:
  struct Impl;
  explicit KeyManager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tdefs
