// Inode: one backing file or directory that the kernel remembers, and what we know of it.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "fs/open_file.h"
#include "keys/file_dictionary.h"

namespace tdefs {

// Our name for an inode towards the kernel. For files on the backing directory's own device it is the backing inode
// number, so that it can be found again by a successor; the root is 1.
using NodeId = uint64_t;
inline constexpr NodeId kRootNode = 1;

// A backing file's identity. The birth time tells a reused inode number from the file that had it before.
struct InodeKey {
  dev_t dev = 0;
  ino_t ino = 0;
  int64_t birth_ns = 0;
  bool operator==(const InodeKey&) const = default;
};

struct Inode {
  Inode(NodeId node, const InodeKey& identity, mode_t file_type, FileDictionary& dictionary)
      : id(node), key(identity), type(file_type), files(dictionary) {}
  ~Inode() {
    if (directory && id != kRootNode) files.Leave(*directory);  // the root was never entered
    if (record) files.Unpin(*record);
  }
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  bool IsDirectory() const { return S_ISDIR(type); }
  bool IsRegular() const { return S_ISREG(type); }
  // For the kernel's file handles: differs between files that had the same inode number.
  uint64_t Generation() const { return static_cast<uint32_t>(key.birth_ns ^ key.birth_ns >> 32); }

  const NodeId id;
  const InodeKey key;
  const mode_t type;  // S_IFMT bits
  FileDictionary& files;

  uint64_t lookup_count = 0;  // guarded by the table's shard

  // How to reach the backing file: a file handle, or, where there are none, a descriptor that stays open.
  Bytes handle;  // set before the inode is published
  std::mutex descriptor_mutex;
  std::shared_ptr<const UniqueFd> descriptor;  // O_PATH; guarded by descriptor_mutex
  bool descriptor_pinned = false;              // not to be dropped: no handle, or unlinked; as above

  // Held alone while names in this directory change, here and in the dictionary; shared while a name is looked up and
  // matched with the dictionary. Lock order: of two directories the one with the smaller id first; then a file's mutex.
  std::shared_mutex names_mutex;

  std::mutex mutex;
  std::optional<DirId> directory;     // of a directory: its node in the dictionary; set before publishing
  std::optional<RecordId> record;     // of a regular file: pinned; guarded by mutex
  bool revived = false;               // came back by number, with no name known: its tag alone vouches for it;
                                      // set before publishing
  bool record_conflict = false;       // two names of this file have different records; guarded by mutex
  std::weak_ptr<OpenFile> open_file;  // guarded by mutex
  std::optional<struct statx> last_attributes;  // of when it lost its last name; guarded by mutex
  std::atomic<bool> removed = false;            // has lost its last name
  std::atomic<bool> emptied = false;            // and with it its content: it can be opened no more
  std::atomic<Sequence> sequence = 0;           // the last dictionary change that concerns it (R4)

  // The sequence only grows.
  void Depend(Sequence change) {
    Sequence seen = sequence.load(std::memory_order_relaxed);
    while (seen < change && !sequence.compare_exchange_weak(seen, change, std::memory_order_relaxed)) {
    }
  }
};

using InodePtr = std::shared_ptr<Inode>;

}  // namespace tdefs
