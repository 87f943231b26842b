#include "fs/inode_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/failpoint.h"
#include "fs/magic_link.h"

namespace tdefs {
namespace {

constexpr unsigned kStatMask = STATX_BASIC_STATS | STATX_BTIME;

struct HandleBuffer {
  alignas(struct file_handle) std::byte bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  struct file_handle* get() {
    return reinterpret_cast<struct file_handle*>(bytes);
  }
};

}  // namespace

Result<struct statx> InodeTable::Stat(int dir_fd, const char* name) {
  struct statx attributes;
  const int result = Point<"inode.stat", CallKind::kOther>().Run([&] {
    return ::statx(dir_fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, kStatMask, &attributes);
  });
  if (result != 0) {
    return FailErrno();
  }
  return attributes;
}

InodeKey InodeTable::KeyOf(const struct statx& attributes) {
  const bool has_birth = (attributes.stx_mask & STATX_BTIME) != 0;
  return {makedev(attributes.stx_dev_major, attributes.stx_dev_minor), attributes.stx_ino,
          has_birth ? attributes.stx_btime.tv_sec * 1'000'000'000 + attributes.stx_btime.tv_nsec : 0};
}

Result<std::unique_ptr<InodeTable>> InodeTable::Create(int root_fd, FileDictionary& files,
                                                       VolumeStatistics& statistics) {
  std::unique_ptr<InodeTable> table(new InodeTable(root_fd, files, statistics));
  const struct statx attributes = TRY(Stat(root_fd, ""));
  table->root_ = std::make_shared<Inode>(kRootNode, KeyOf(attributes), S_IFDIR, files);
  table->root_->directory = FileTree::kRoot;
  table->root_->lookup_count = 1;
  table->root_->descriptor_pinned = true;
  UniqueFd own(::fcntl(root_fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return FailErrno(errno, "duplicate the backing directory's descriptor");
  table->root_->descriptor = std::make_shared<const UniqueFd>(std::move(own));
  struct rlimit descriptors {};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return FailErrno(errno, "read the limit of open files");
  table->cache_.resize(std::clamp<size_t>(descriptors.rlim_cur / 8, 1, kDescriptorsMax));
  // Handles must not only be given but also be accepted back, which takes a capability.
  HandleBuffer buffer;
  buffer.get()->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(root_fd, "", buffer.get(), &mount_id, AT_EMPTY_PATH) != 0) {
    table->handles_work_ = false;
  } else {
    UniqueFd probe(::open_by_handle_at(root_fd, buffer.get(), O_PATH | O_CLOEXEC));
    table->handles_work_ = static_cast<bool>(probe);
  }
  table->ShardOf(kRootNode).inodes[kRootNode] = table->root_;
  return table;
}

Result<InodePtr> InodeTable::Get(NodeId id) {
  Shard& shard = ShardOf(id);
  std::lock_guard lock(shard.mutex);
  auto found = shard.inodes.find(id);
  if (found == shard.inodes.end()) return FailErrno(ESTALE);
  return found->second;
}

NodeId InodeTable::NodeOf(const InodeKey& key) {
  if (key.dev == root_->key.dev) return key.ino == root_->key.ino ? kRootNode : key.ino;
  const std::string name = std::to_string(key.dev) + ":" + std::to_string(key.ino);
  std::lock_guard lock(foreign_mutex_);
  auto [entry, is_new] = foreign_nodes_.try_emplace(name, next_foreign_node_);
  if (is_new) ++next_foreign_node_;
  return entry->second;
}

InodePtr InodeTable::FindKnown(const struct statx& attributes) {
  const InodeKey key = KeyOf(attributes);
  auto found = Get(NodeOf(key));
  return found && (*found)->key == key && !(*found)->removed ? *found : nullptr;
}

Result<InodePtr> InodeTable::Enter(int dir_fd, const char* name, const struct statx& attributes, bool count_lookup,
                                   const std::function<void(Inode&)>& prepare) {
  const InodeKey key = KeyOf(attributes);
  const NodeId id = NodeOf(key);
  Shard& shard = ShardOf(id);
  auto take = [&](const InodePtr& inode) {
    if (count_lookup) ++inode->lookup_count;
    return inode;
  };
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.inodes.find(id);
    if (found != shard.inodes.end() && found->second->key == key && !found->second->removed) {
      return take(found->second);
    }
  }
  auto inode = std::make_shared<Inode>(id, key, attributes.stx_mode & S_IFMT, files_);
  TRY(FillHandle(*inode, dir_fd, name));
  prepare(*inode);
  InodePtr previous;  // released after the lock: its end takes others
  std::lock_guard lock(shard.mutex);
  InodePtr& slot = shard.inodes[id];
  if (slot && slot->key == key && !slot->removed) return take(slot);
  // A file that had this number before: the kernel still counts its lookups under the same id.
  if (slot) {
    inode->lookup_count = slot->lookup_count;
  } else {
    statistics_.known_inodes.fetch_add(1, std::memory_order_relaxed);
  }
  previous = std::exchange(slot, inode);
  return take(inode);
}

void InodeTable::Forget(NodeId id, uint64_t count) {
  if (id == kRootNode) return;
  Shard& shard = ShardOf(id);
  InodePtr gone;  // released after the lock
  {
    std::lock_guard lock(shard.mutex);
    auto found = shard.inodes.find(id);
    if (found == shard.inodes.end()) return;
    Inode& inode = *found->second;
    inode.lookup_count -= std::min(count, inode.lookup_count);
    if (inode.lookup_count > 0) return;
    gone = std::move(found->second);
    shard.inodes.erase(found);
    statistics_.known_inodes.fetch_sub(1, std::memory_order_relaxed);
  }
}

// Names in a directory do not change while they are looked up (the kernel and our names_mutex see to that), so the
// handle taken by name is that of the attributes read by name.
Status InodeTable::FillHandle(Inode& inode, int dir_fd, const char* name) {
  if (handles_work_ && inode.key.dev == root_->key.dev) {
    HandleBuffer buffer;
    buffer.get()->handle_bytes = MAX_HANDLE_SZ;
    int mount_id = 0;
    if (::name_to_handle_at(dir_fd, name, buffer.get(), &mount_id, AT_EMPTY_PATH) == 0) {
      const size_t size = sizeof(struct file_handle) + buffer.get()->handle_bytes;
      inode.handle.assign(buffer.bytes, buffer.bytes + size);
      return {};
    }
  }
  UniqueFd fd(Point<"inode.open", CallKind::kOther>().Run([&] {
    return *name != '\0' ? ::openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)
                         : ::fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
  }));
  if (!fd) return FailErrno();
  inode.descriptor = std::make_shared<const UniqueFd>(std::move(fd));
  inode.descriptor_pinned = true;
  return {};
}

Result<UniqueFd> InodeTable::OpenHandle(const Inode& inode, int flags) const {
  HandleBuffer buffer;
  std::memcpy(buffer.bytes, inode.handle.data(), inode.handle.size());
  UniqueFd fd(Point<"inode.open-handle", CallKind::kOther>().Run(
      [&] { return ::open_by_handle_at(root_fd_, buffer.get(), flags | O_CLOEXEC); }));
  if (!fd) return FailErrno();
  return fd;
}

Result<UniqueFd> InodeTable::OpenByNumber(NodeId id) const {
  // FILEID_INO32_GEN: a 32-bit inode number and a generation, where ext4 takes 0 for "any".
  constexpr int kInode32Generation = 1;
  struct Inode32 {
    uint32_t number, generation;
  };
  if (!handles_work_ || id > UINT32_MAX) return FailErrno(ESTALE);
  HandleBuffer buffer{};
  buffer.get()->handle_type = kInode32Generation;
  buffer.get()->handle_bytes = sizeof(Inode32);
  const Inode32 wanted{static_cast<uint32_t>(id), 0};
  std::memcpy(buffer.get()->f_handle, &wanted, sizeof wanted);
  UniqueFd fd(::open_by_handle_at(root_fd_, buffer.get(), O_PATH | O_CLOEXEC));
  if (!fd) return FailErrno(ESTALE);
  return fd;
}

Result<std::shared_ptr<const UniqueFd>> InodeTable::Descriptor(Inode& inode) {
  std::shared_ptr<const UniqueFd> descriptor;
  {
    std::lock_guard lock(inode.descriptor_mutex);
    if (inode.descriptor) return inode.descriptor;
    descriptor = std::make_shared<const UniqueFd>(TRY(OpenHandle(inode, O_PATH)));
    inode.descriptor = descriptor;
  }
  if (auto known = Get(inode.id); known && known->get() == &inode) Cache(*known);
  return descriptor;
}

// Puts the inode into the ring and drops the descriptor of the one it pushes out.
void InodeTable::Cache(const InodePtr& inode) {
  InodePtr oldest;
  {
    std::lock_guard lock(cache_mutex_);
    oldest = cache_[cache_next_].lock();
    cache_[cache_next_] = inode;
    cache_next_ = (cache_next_ + 1) % cache_.size();
  }
  if (!oldest || oldest == inode) return;
  std::shared_ptr<const UniqueFd> dropped;
  std::lock_guard lock(oldest->descriptor_mutex);
  if (!oldest->descriptor_pinned) dropped = std::move(oldest->descriptor);
}

Status InodeTable::PinDescriptor(Inode& inode) {
  std::lock_guard lock(inode.descriptor_mutex);
  if (!inode.descriptor) inode.descriptor = std::make_shared<const UniqueFd>(TRY(OpenHandle(inode, O_PATH)));
  inode.descriptor_pinned = true;
  return {};
}

void InodeTable::UnpinDescriptor(Inode& inode) {
  std::shared_ptr<const UniqueFd> dropped;
  std::lock_guard lock(inode.descriptor_mutex);
  if (inode.handle.empty()) return;
  inode.descriptor_pinned = false;
  dropped = std::move(inode.descriptor);
}

Result<UniqueFd> InodeTable::Open(Inode& inode, int flags) {
  if (!inode.handle.empty() && !inode.removed) return OpenHandle(inode, flags);
  auto descriptor = TRY(Descriptor(inode));
  UniqueFd fd(Point<"content.open", CallKind::kOther>().Run(
      [&] { return ::open(MagicLink(descriptor->get()).c_str(), (flags & ~O_NOFOLLOW) | O_CLOEXEC); }));
  if (!fd) return FailErrno();
  return fd;
}

}  // namespace tdefs
