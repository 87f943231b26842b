// The configuration of a store and its mount as plain structs; read from TOML by config/load.h.
// Every setting has its default here, its unit in its name or comment, and its limit in load.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/method.h"

namespace tdefs {

struct StoreConfig {        // [store]
  std::string backing_dir;  // backing-dir: absolute path of the ciphertext directory
  std::string mount_point;  // mount-point: absolute path
};

struct MountConfig {                 // [mount]
  bool allow_other = true;           // allow-other: other users may enter; only when run as root
  bool read_only = false;            // read-only
  bool writeback_cache = false;      // writeback-cache: more throughput, but ENOSPC shows at fsync, not at write
  bool direct_io = true;             // direct-io: pass aligned O_DIRECT requests on to the backing file
  bool acl = true;                   // acl: honour POSIX ACLs of the backing filesystem
  bool dev = false, suid = false;    // dev, suid: honour device nodes / set-uid bits inside the mount
  bool exec = true;                  // exec
  bool noatime = false;              // noatime
  uint32_t threads = 0;              // threads: 1–256; 0 is chosen from the number of cores
  uint32_t read_ahead_kib = 4096;    // read-ahead-kib: 0–65536
  uint32_t max_background = 256;     // max-background: 1–65535 requests
  uint32_t cache_timeout_s = 86400;  // cache-timeout-s: entry, attribute and negative caches of the kernel
  uint32_t flush_interval_ms =
      1000;  // flush-interval-ms: 10–60000; bounds what of the file dictionary is not yet on disk
};

struct MasterKeyConfig {
  enum class Type : uint8_t { kPlaintext, kFile };
  Type type = Type::kPlaintext;
  std::string path;  // with kFile: absolute path of the key file
};

struct EncryptionConfig {                        // [security.encryption], TiKV's key names
  std::optional<Method> data_encryption_method;  // absent: the store's own; aes256-ctr at init
  std::chrono::seconds data_key_rotation_period{std::chrono::days{7}};
  bool enable_file_dictionary_log = true;                  // false: the whole dictionary is rewritten after each change
  uint64_t file_dictionary_rewrite_threshold = 1'000'000;  // compact after so many removes and overwrites
  // Absent: at mount whatever the store's own wraps name (a wrap of a key file remembers its path); at init an error
  // unless the method is plaintext. Named `plaintext` is TiKV's: no protection, and only with the method plaintext.
  std::optional<MasterKeyConfig> master_key;
  std::optional<MasterKeyConfig> previous_master_key;
};

struct Config {
  StoreConfig store;
  MountConfig mount;
  LogOptions log;
  EncryptionConfig encryption;
};

}  // namespace tdefs
