// LogGroupCommit: one fdatasync serves all who wait for the log to be durable (R4), and a timer bounds what is not.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace tdefs {

// Position in the log's order: changes counted since the dictionary was opened, on top of those that were read from the
// log; goes on across compactions. 0 is "nothing".
using Sequence = uint64_t;

// Thread-safe. The one who syncs is the leader; a compaction leads too while it swaps logs, so that nothing is declared
// durable in a log that is about to be replaced. Hooks are called without any lock held.
class LogGroupCommit {
 public:
  struct Hooks {
    std::function<Sequence()> last;          // of the changes made; cheap
    std::function<Result<Sequence>()> sync;  // makes all changes durable up to the one that is returned
    // Brings failed() back to false by writing the whole log anew: called after a failed sync (R7: that the next
    // fdatasync succeeds would prove nothing about the pages that the failed one dropped).
    std::function<Status()> replace;
  };
  explicit LogGroupCommit(Hooks hooks) : hooks_(std::move(hooks)) {}
  ~LogGroupCommit() { Stop(); }

  void Start(uint32_t interval_ms, Sequence durable);
  void Stop();

  Status Flush(Sequence sequence);
  void StartFlush(Sequence sequence);

  // While it lives no sync runs.
  class Leadership {
   public:
    explicit Leadership(LogGroupCommit& commit);
    ~Leadership();
    Leadership(const Leadership&) = delete;
    Leadership& operator=(const Leadership&) = delete;
    // The new log holds all changes up to `durable`, durably.
    void Replaced(Sequence durable);
    void MarkFailed();

   private:
    LogGroupCommit& commit_;
  };

  Sequence durable() const;
  bool failed() const;
  uint64_t flushes() const;

 private:
  void Run(uint32_t interval_ms);
  void SyncAsLeader(std::unique_lock<std::mutex>& lock);

  const Hooks hooks_;
  mutable std::mutex mutex_;
  std::condition_variable led_;   // leadership ended
  std::condition_variable wake_;  // for the background thread
  bool leading_ = false;
  bool failed_ = false;  // a sync failed, and no replacement has succeeded since
  bool stop_ = false;
  Sequence durable_ = 0;
  Sequence wanted_ = 0;  // by StartFlush
  uint64_t flushes_ = 0;
  std::thread thread_;
};

}  // namespace tdefs
