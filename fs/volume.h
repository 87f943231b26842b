// Volume: the filesystem. Every operation of a mounted store on inodes and names, with its content encrypted and its
// file records kept; it knows nothing of FUSE and can be driven without a mount and without root.
//
// Errors carry the errno for the program in Error::Errno(). Thread-safe; no lock is held while waiting for a flush of
// the file dictionary (R4).
//
// What is kept where:
//   volume.cc            opening, attributes of the whole, lookup
//   volume_names.cc      names: make, link, rename, remove
//   volume_files.cc      open files: create, open, read, write, sync
//   volume_attributes.cc attributes and xattrs
//   volume_records.cc    tags and dictionary entries held against each other (R1, R2, R6), healing
//   directory_handle.*   listing a directory
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "fs/caller.h"
#include "fs/directory_handle.h"
#include "fs/file_handle.h"
#include "fs/inode_table.h"
#include "fs/statistics.h"
#include "keys/key_manager.h"

namespace tdefs {

// What a lookup or a creation answers.
struct Entry {
  NodeId id = 0;
  uint64_t generation = 0;
  struct stat attributes {};
};

// The attributes to set; absent ones stay.
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<uint64_t> size;
  std::optional<struct timespec> access_time, modification_time;  // tv_nsec may be UTIME_NOW
};

class Volume {
 public:
  struct Options {
    bool read_only = false;
    bool direct_io = true;
  };
  // `backing_fd` is the backing directory, open for reading; `keys` and `statistics` must outlive the volume.
  static Result<std::unique_ptr<Volume>> Create(UniqueFd backing_fd, KeyManager& keys, Options options,
                                                VolumeStatistics& statistics);

  // Names. The volume counts one lookup for each Entry returned, until Forget.
  Result<Entry> Lookup(NodeId parent, const char* name);
  void Forget(NodeId id, uint64_t count) { table_->Forget(id, count); }
  // The entry of an inode itself, for file handles; the kernel may have dropped it since.
  Result<Entry> LookupSelf(NodeId id);
  Result<Entry> MakeDirectory(NodeId parent, const char* name, mode_t mode, const Caller& caller);
  Result<Entry> MakeNode(NodeId parent, const char* name, mode_t mode, dev_t device, const Caller& caller);
  Result<Entry> MakeSymlink(NodeId parent, const char* name, const char* target, const Caller& caller);
  Result<Entry> Link(NodeId id, NodeId new_parent, const char* new_name);
  Status Unlink(NodeId parent, const char* name);
  Status RemoveDirectory(NodeId parent, const char* name);
  // `flags` as renameat2: 0, RENAME_NOREPLACE, RENAME_EXCHANGE; others are passed to the backing filesystem.
  Status Rename(NodeId from_parent, const char* from, NodeId to_parent, const char* to, unsigned flags);
  Result<std::string> ReadLink(NodeId id);

  // Files. `flags` are open(2)'s.
  struct Opened {
    Entry entry;  // with one lookup counted; of Create and CreateUnnamed only
    std::unique_ptr<FileHandle> handle;
  };
  Result<Opened> Create(NodeId parent, const char* name, mode_t mode, int flags, const Caller& caller);
  Result<Opened> CreateUnnamed(NodeId parent, mode_t mode, int flags, const Caller& caller);  // O_TMPFILE
  Result<std::unique_ptr<FileHandle>> Open(NodeId id, int flags);
  Result<ByteView> Read(FileHandle& handle, uint64_t offset, size_t size, IoBuffer& buffer);
  Result<size_t> Write(FileHandle& handle, uint64_t offset, ByteSpan data);  // encrypts `data` in place
  Status Allocate(FileHandle& handle, int mode, uint64_t offset, uint64_t length);
  bool HealContent(NodeId id);  // opens the file once, which mends its end after a crash; false: to be tried again
  // Durable with every dictionary record the file depends on (R4).
  Status Sync(FileHandle& handle, bool data_only);

  // Directories.
  Result<std::unique_ptr<DirectoryHandle>> OpenDirectory(NodeId id);
  Status SyncDirectory(DirectoryHandle& handle, bool data_only);
  // True for the store's own directory, which no program sees.
  static bool IsHidden(NodeId parent, std::string_view name);

  // Attributes. `handle` may be null; with it, what is asked is the open file whatever became of its names.
  Result<struct stat> GetAttributes(NodeId id, FileHandle* handle);
  Result<struct stat> SetAttributes(NodeId id, FileHandle* handle, const AttributeChange& change);
  // Clears set-user-id and, on an executable, set-group-id, as the kernel does when others write to a file.
  Status ClearSetId(NodeId id);
  Result<struct statvfs> Capacity();
  // As getxattr and listxattr: with an empty buffer the size needed. The tag is neither shown nor settable.
  Result<size_t> GetXattr(NodeId id, const char* name, ByteSpan value);
  Result<size_t> ListXattr(NodeId id, ByteSpan names);
  Status SetXattr(NodeId id, const char* name, ByteView value, int flags);
  Status RemoveXattr(NodeId id, const char* name);

  VolumeStatistics& statistics() { return statistics_; }
  KeyManager& keys() { return keys_; }

 private:
  Volume(UniqueFd backing_fd, KeyManager& keys, Options options, VolumeStatistics& statistics)
      : backing_fd_(std::move(backing_fd)), keys_(keys), options_(options), statistics_(statistics) {}

  Result<InodePtr> Directory(NodeId id);
  Result<Entry> Revive(NodeId id);
  Result<Entry> LookupPath(const std::string& path);
  Result<Entry> EntryOf(Inode& dir, int dir_fd, const char* name);
  Status CheckName(NodeId parent, const char* name) const;
  // The inode, if it is known, whose last name is about to go; from here on it can be reached without one.
  InodePtr BeforeLastName(int dir_fd, const char* name);
  void AfterLastName(Inode& inode);
  Status RemoveName(NodeId parent, const char* name, int flags);
  Result<std::shared_ptr<const UniqueFd>> DescriptorOf(Inode& inode);
  static Result<struct stat> LastAttributes(Inode& inode, const Error& error);
  void Changed(Inode& inode, const Result<Sequence>& change, const char* what);

  // volume_records.cc
  Result<std::optional<FileRecord>> ReadTag(int fd, bool path_only) const;
  Status WriteTag(int fd, bool path_only, const FileRecord& record) const;
  void MatchName(Inode& dir, const char* name, Inode& inode, uint64_t size);
  void JoinNames(Inode& dir, const char* name, Inode& inode, RecordId entry);
  void HealName(Inode& dir, const char* name, Inode& inode, std::optional<RecordId> entry, const FileRecord& tag);
  void AdoptEmpty(Inode& dir, const char* name, Inode& inode);
  void SetRecord(Inode& inode, std::optional<RecordId> record);
  Result<ContentKey> Verify(Inode& inode, int fd);
  Error Refuse(const Inode& inode, ErrorCode code, const char* what);

  // volume_files.cc
  Result<std::shared_ptr<OpenFile>> OpenContent(Inode& inode, bool for_writing);
  Status Renew(Inode& inode, OpenFile& file);
  Status RenewLocked(Inode& inode, OpenFile& file);  // requires: inode.mutex is held
  Result<Opened> FinishCreate(Inode* dir, const char* name, UniqueFd fd, mode_t mode, int flags, const Caller& caller);
  Result<FileRecord> RegisterNew(int fd, Inode* dir, const char* name, std::optional<FileDictionary::Change>& change);
  Status ApplySize(Inode& inode, FileHandle* handle, uint64_t size);

  const UniqueFd backing_fd_;
  KeyManager& keys_;
  const Options options_;
  VolumeStatistics& statistics_;
  std::unique_ptr<InodeTable> table_;
};

}  // namespace tdefs
