// InodeTable: all inodes the kernel remembers, with its lookup counts; and access to their backing files with a bounded
// number of descriptors.
//
// An inode is reached by the file handle of the backing filesystem (open_by_handle_at, for which one must be root) and
// a cache of at most kDescriptorsMax O_PATH descriptors, or an eighth of what the
// process may have open. Without file handles every inode keeps its descriptor.
//
// Thread-safe. Shard mutexes are leaves: nothing else is locked under them but descriptor mutexes.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "fs/inode.h"
#include "fs/statistics.h"

namespace tdefs {

class InodeTable {
 public:
  static constexpr size_t kShards = 64;
  static constexpr size_t kDescriptorsMax = 8192;

  // `root_fd` is the backing directory; it stays the caller's and must outlive the table.
  static Result<std::unique_ptr<InodeTable>> Create(int root_fd, FileDictionary& files, VolumeStatistics& statistics);

  InodePtr root() const { return root_; }
  // The inode of a node id the kernel holds; ESTALE if there is none.
  Result<InodePtr> Get(NodeId id);
  // The inode with these attributes, which were read of `name` in `dir_fd` (or of `dir_fd` itself if `name` is empty),
  // with one more lookup if `count_lookup`. A new one is first passed to `prepare`, before anyone else can see it.
  Result<InodePtr> Enter(int dir_fd, const char* name, const struct statx& attributes, bool count_lookup,
                         const std::function<void(Inode&)>& prepare);
  // The inode of a backing file, if the kernel remembers it.
  InodePtr FindKnown(const struct statx& attributes);
  void Forget(NodeId id, uint64_t count);

  // An O_PATH descriptor of the backing file; stays valid while the pointer is held.
  Result<std::shared_ptr<const UniqueFd>> Descriptor(Inode& inode);
  // Keeps the descriptor from now on: for a file that loses its last name.
  Status PinDescriptor(Inode& inode);
  // Takes that back and closes the descriptor, unless there is no other way to the file.
  void UnpinDescriptor(Inode& inode);
  // An O_PATH descriptor of the file with this node id, which the kernel may have forgotten; ESTALE where the backing
  // filesystem cannot find a file by its inode number alone (ext4 can), or there is none. The file may be anywhere on
  // the backing filesystem: the caller has to make sure that it is the store's.
  Result<UniqueFd> OpenByNumber(NodeId id) const;
  // The backing file opened anew with these flags (no O_CREAT).
  Result<UniqueFd> Open(Inode& inode, int flags);

  static InodeKey KeyOf(const struct statx& attributes);
  // The attributes that identify a file and everything a program may ask for.
  static Result<struct statx> Stat(int dir_fd, const char* name);

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<NodeId, InodePtr> inodes;  // guarded by mutex
  };

  InodeTable(int root_fd, FileDictionary& files, VolumeStatistics& statistics)
      : root_fd_(root_fd), files_(files), statistics_(statistics) {}
  Shard& ShardOf(NodeId id) { return shards_[id % kShards]; }
  NodeId NodeOf(const InodeKey& key);
  Status FillHandle(Inode& inode, int dir_fd, const char* name);
  void Cache(const InodePtr& inode);
  Result<UniqueFd> OpenHandle(const Inode& inode, int flags) const;

  const int root_fd_;
  FileDictionary& files_;
  VolumeStatistics& statistics_;
  InodePtr root_;
  std::array<Shard, kShards> shards_;
  std::atomic<bool> handles_work_ = true;

  // Files on other devices below the backing directory get numbers of their own.
  std::mutex foreign_mutex_;
  std::unordered_map<std::string, NodeId> foreign_nodes_;  // "dev:ino"; guarded by foreign_mutex_
  NodeId next_foreign_node_ = NodeId{1} << 63;             // guarded by foreign_mutex_

  // Descriptors that may be dropped, in the order they were opened.
  std::mutex cache_mutex_;
  std::vector<std::weak_ptr<Inode>> cache_;  // a ring of fixed size; guarded by cache_mutex_
  size_t cache_next_ = 0;                    // guarded by cache_mutex_
};

}  // namespace tdefs
