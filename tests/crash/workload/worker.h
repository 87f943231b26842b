// Worker: one thread of a run. It does random operations on files and names of its own, each noted in its model before
// the call and acknowledged after it, until the run ends or the mount dies.
//
// An operation returns false once the worker must stop: the mount died, or something was wrong.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "tests/crash/workload/oracle.h"
#include "tests/mount/model/random.h"

namespace tdefs::crash {

// What all workers of a run share.
struct Run {
  int directory_fd = -1;               // of the mount
  std::atomic<uint64_t> operations{};  // acknowledged
  std::atomic<bool> stop = false, died = false, failed = false;
  bool eio_is_wrong = false;          // unless the daemon is gone
  std::atomic<bool> cutting = false;  // set before the filesystem is cut off: a sync that returns later proves nothing
  // True if the daemon answers: of the filesystem, since attributes may come from the kernel's cache.
  bool DaemonLives() const;
  // Ends the run.
  void Died();
  void Failed(const std::string& what);
};

// True for what the calls of a program say once the daemon or the filesystem below it is gone.
bool IsDeath(int error);

class Worker {
 public:
  Worker(Run& run, ThreadModel& model, uint64_t seed) : run_(run), model_(model), random_(seed) {}

  // Does operations until the run stops; one of them is acknowledged each time `run.operations` grows.
  void Work();

 private:
  struct Directory {
    std::string prefix;  // of the paths in it, "t0/d1/"
    ObjectId id = 0;
  };
  struct Operation {
    unsigned weight;
    bool (Worker::*run)();
  };
  static std::span<const Operation> DataOperations();   // worker_data.cc
  static std::span<const Operation> SpaceOperations();  // worker_space.cc
  static std::span<const Operation> NameOperations();   // worker_names.cc

  // The result of a call: false, and the run ends, if it failed.
  bool Did(int64_t result, const std::string& what);
  // The same for a call that makes something durable.
  bool MadeDurable(int64_t result, const std::string& what);

  // Files and names at hand.
  std::optional<ObjectId> PickFile();  // with a name or held open
  std::optional<ObjectId> PickNamedFile();
  std::optional<std::string> PickPath(bool directory);
  std::string PathOf(ObjectId file);  // one of its names; empty if it has none
  std::vector<Directory> Directories() const;
  Directory DirectoryOf(const std::string& path) const;
  std::optional<std::string> FreePath();
  std::string Place(const Directory& directory, uint64_t number) const;
  std::optional<ObjectId> At(const std::string& path) const;

  // Descriptors. A file's own one is kept for a while; -1 if the worker must stop.
  int Open(ObjectId file);
  UniqueFd OpenNamed(ObjectId file, int flags);
  void Keep(ObjectId file, UniqueFd fd);

  // Steps that operations are made of.
  using Call = std::function<int64_t()>;  // as system calls: negative is a failure, with errno
  bool Change(ObjectId file, const ContentChange& change, const char* what, const Call& call);
  bool ChangeNames(NameChange change, const char* what, const Call& call);
  bool Write(ObjectId file, int fd, uint64_t offset, uint64_t length, bool durable = false);
  bool WriteSomething(ObjectId file, int fd);
  bool Sync(ObjectId file, int fd);
  bool SyncDirectoryAt(const Directory& directory);
  std::optional<ObjectId> Make(const std::string& path);
  bool MoveOver(const std::string& from, const std::string& to);
  uint64_t AnyOffset(uint64_t size_bytes);
  uint64_t AnyLength();

  // Operations: content.
  bool WriteInside();
  bool WriteAligned();
  bool WriteDirect();
  bool Append();
  bool WriteDurably();
  bool WriteMapped();
  bool SyncFile();
  bool SyncData();
  bool CheckContent();
  // Operations: space.
  bool TruncateDown();
  bool TruncateUp();
  bool TruncateToZero();
  bool OpenTruncating();
  bool Punch();
  bool ZeroRange();
  bool Allocate();
  // Operations: names.
  bool Create();
  bool CreateUnnamed();
  bool Rename();
  bool RenameOver();
  bool Replace();
  bool Exchange();
  bool RenameDirectory();
  bool MakeDirectory();
  bool RemoveDirectory();
  bool Link();
  bool Unlink();
  bool UnlinkOpen();
  bool SyncDirectory();

  Run& run_;
  ThreadModel& model_;
  model::Random random_;
  std::map<ObjectId, UniqueFd> open_;
};

}  // namespace tdefs::crash
