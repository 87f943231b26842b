// One thread of the load: its own tree of files, whose every byte it knows, and a part in the directory that all share.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/load/stress_content.h"
#include "tests/mount/model/random.h"

namespace stress {

// When a file got its data key: some time between the two, in microseconds of Unix time.
struct KeyTime {
  int64_t from_us = 0, to_us = 0;
};
int64_t NowUs();

// What all threads see. Thread-safe.
struct Common {
  std::string root;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> operations = 0, next_file = 1;
  std::atomic<int> faults = 0;
  void Fault(const std::string& what);  // prints "bad …"; only the first few
};

class Worker {
 public:
  Worker(Common& common, int number, uint64_t seed);
  void Run();  // until common.stop; one thread

  // After the run, on a mount made anew: reads every file of the own tree. Prints "file PATH FROM TO" of each, which
  // says when it got its key.
  void Verify();
  size_t files() const { return files_.size(); }
  const std::string& directory() const { return directory_; }
  bool Owns(const std::string& path) const { return files_.contains(path); }
  const std::map<uint64_t, KeyTime>& shared_times() const { return shared_times_; }

  std::atomic<int64_t> last_us = 0;             // when the last operation ended
  std::atomic<const char*> doing = "starting";  // and which one is in work

 private:
  struct File {
    explicit File(uint64_t id) : content(id) {}
    Content content;
    KeyTime key;
  };
  using FilePtr = std::shared_ptr<File>;
  using Entry = std::map<std::string, FilePtr>::iterator;

  void Step();
  void Create();
  void Change();
  void Empty();
  void Truncate();
  void Punch();
  void Append();
  void Read();
  void Rename();
  void Link();
  void Unlink();
  void UnlinkOpen();
  void RenameDirectory();
  void SyncDirectory();
  void ReplaceShared();
  void ReadShared();
  void MoveShared();

  Entry Some();
  std::string NewPath();
  std::string SharedPath();
  bool Ok(bool good, const char* what, const std::string& path);
  bool WriteAt(int fd, File& file, uint64_t offset, uint64_t size, const std::string& path);
  void Compare(const std::string& path, const Content& content);
  void MaybeSync(int fd, const std::string& path);

  Common& common_;
  tdefs::model::Random random_;
  std::string directory_;
  std::map<std::string, FilePtr> files_;
  std::map<uint64_t, KeyTime> shared_times_;  // of the files it made for the shared directory
  uint64_t next_name_ = 0;
  int subtree_ = 0;  // its directory is renamed from time to time
};

// What a file of the shared directory holds follows from its id.
Content SharedContent(uint64_t id);
// Reads a whole file. False, with errno, if it cannot be opened or read.
bool ReadWhole(const std::string& path, std::string& text);

}  // namespace stress
