// OpenFile: the content of one backing file while it is open anywhere; shared by all handles of its inode.
//
// It turns plaintext offsets into ciphertext on the backing descriptor and keeps R10: no byte ever reads as keystream.
// The unit is 16 bytes. A whole unit of zero ciphertext is a hole; the partial unit at the end of the file is always
// data. So before a hole unit would become partly data (a write, cut or punch that covers it in part), it is made data
// as a whole: MaterialiseUnit writes the encryption of zeros over it, which changes nothing that can be read.
//
// A loss of power may leave the size of a file on the disk without its last bytes, as zeros (a fresh block on ext4, a
// shorter size that was lost). Where the file ends inside a unit, that unit would read as keystream: HealTail writes
// the encryption of zeros there. So that it can tell, a file whose last, partial unit is zero as ciphertext by chance
// says so in an xattr, kTailXattrName: the IV and the size, set before that unit is written. (It need not say whether
// the unit is on the disk: zeros are what it holds.)
//
// Thread-safe. mutex_ is shared by reads and by writes that change neither size nor a part of a unit; everything else
// takes it alone. size_bytes_ is exact because nobody else changes the backing file.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "base/error.h"
#include "base/unique_fd.h"
#include "crypto/content_cipher.h"
#include "fs/io_buffer.h"
#include "fs/statistics.h"
#include "keys/file_record.h"

namespace tdefs {

inline constexpr char kTailXattrName[] = "user.tdefs.tail";

// How a file's content is encrypted. No cipher: plaintext.
struct ContentKey {
  FileRecord record;
  std::shared_ptr<const ContentCipher> cipher;
  bool unused = false;  // nothing was encrypted under this key and IV yet
};

class OpenFile {
 public:
  // `fd` is the backing file, opened for reading and, if `writable`, writing; without O_APPEND, O_SYNC or O_DIRECT.
  static Result<std::shared_ptr<OpenFile>> Create(UniqueFd fd, bool writable, ContentKey key,
                                                  VolumeStatistics& statistics);

  int fd() const { return fd_.get(); }
  const UniqueFd& descriptor() const { return fd_; }
  bool writable() const { return writable_; }
  uint64_t size_bytes() const { return size_bytes_.load(std::memory_order_relaxed); }
  FileRecord record() const;
  // True if nothing was encrypted under the present key and IV yet.
  bool unused() const;

  // Up to `size` bytes of plaintext from `offset`, fewer at the end of the file. The view is into `buffer`. `direct`
  // reads past the page cache of the backing filesystem where the request is aligned.
  Result<ByteView> Read(uint64_t offset, size_t size, bool direct, IoBuffer& buffer);
  // Encrypts `data` in place and writes it; returns the bytes written, fewer only if the disk filled up on the way.
  Result<size_t> Write(uint64_t offset, ByteSpan data, bool direct);

  // Sets the size, with zeros where the file grows. Not for emptying a file: that is Empty, with a new IV.
  Status Resize(uint64_t size);
  // Empties the file and goes over to another key: `persist` stores the new tag and record once the file is empty, and
  // the key is used only if that succeeds. If it fails, nothing can be written until it succeeds or the file is closed:
  // the old IV has been used.
  Status Empty(ContentKey key, const std::function<Status()>& persist);
  // After a crash: the unit in which the file ends becomes zeros if the disk lost it. To be called before anything
  // else.
  Status HealTail();
  // fallocate: mode 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE with or without KEEP_SIZE; EOPNOTSUPP for others.
  Status Allocate(int mode, uint64_t offset, uint64_t length);
  // SEEK_DATA and SEEK_HOLE, as the backing file answers.
  Result<uint64_t> Seek(uint64_t offset, int whence);

  // fsync or fdatasync of the backing file. A failure is told once to each handle, whichever handle met it (R7);
  // `errors_seen` is the handle's own, from errors().
  Status Sync(bool data_only, uint64_t& errors_seen);
  uint64_t errors() const;

 private:
  OpenFile(UniqueFd fd, bool writable, ContentKey key, uint64_t size, VolumeStatistics& statistics)
      : fd_(std::move(fd)), writable_(writable), key_(std::move(key)), size_bytes_(size), statistics_(statistics) {}

  // While it lives the file grows up to `end`, so that after a power cut no part of a unit reads as keystream.
  // Requires: mutex_ is held alone.
  class TailOrder {
   public:
    TailOrder(OpenFile& file, uint64_t end);
    ~TailOrder();
    TailOrder(const TailOrder&) = delete;
    TailOrder& operator=(const TailOrder&) = delete;

   private:
    OpenFile& file_;
    const uint64_t begin_;
    bool needed_;
  };
  // open_file_tail.cc. Require: mutex_ is held.
  Status WriteCachedBefore(uint64_t end);
  Status SyncTail(uint64_t size);
  Status NoteZeroTail(uint64_t offset, ByteView stored, uint64_t end);
  Result<bool> ZeroTailIsNoted() const;

  void ZeroBehind(uint64_t end);
  bool SizeRunsAhead();

  // Require: mutex_ is held alone, and there is a cipher.
  Status MaterialiseUnit(uint64_t position);
  Status ZeroInsideUnit(uint64_t from, uint64_t to);
  Status WriteZeros(uint64_t from, uint64_t to);
  Status FillGap(uint64_t to);
  Status GrowTo(uint64_t size);
  void ShrinkBack(uint64_t old_size);
  // Fails while there is no key to write with; else notes that the key is in use. Requires: mutex_ is held alone.
  Status UseKey();

  // Requires: mutex_ is held alone.
  Status ResizeLocked(uint64_t size);
  Status ZeroRangeLocked(int mode, uint64_t from, uint64_t to);

  // Require: mutex_ is held.
  Result<size_t> ReadStored(uint64_t offset, ByteSpan out, bool direct);
  Result<size_t> WriteContent(uint64_t offset, ByteSpan data, bool direct);
  Result<size_t> WriteDirect(int direct_fd, uint64_t offset, ByteView data);
  int DirectFd();  // -1 where the backing filesystem has no O_DIRECT

  const UniqueFd fd_;
  const bool writable_;
  mutable std::shared_mutex mutex_;
  ContentKey key_;                       // guarded by mutex_
  std::optional<bool> size_runs_ahead_;  // on ext4; guarded by mutex_
  int spent_errno_ = 0;                  // emptied, but without a new key, for this reason; guarded by mutex_
  std::atomic<uint64_t> size_bytes_;     // changed with mutex_ held alone
  VolumeStatistics& statistics_;

  std::once_flag direct_once_;
  UniqueFd direct_fd_;

  mutable std::mutex sync_mutex_;
  uint64_t sync_errors_ = 0;  // guarded by sync_mutex_
  int last_sync_errno_ = 0;   // guarded by sync_mutex_
};

}  // namespace tdefs
