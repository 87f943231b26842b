// Oracle: what all threads of a run know about their files and names, kept in memory while the run goes on (it is not
// what gets killed) and written outside of the mount at its end, for `verify` and for the next run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/crash/workload/content_history.h"
#include "tests/crash/workload/name_history.h"

namespace tdefs::crash {

// The directories of the run: tN for each thread, and one for all.
inline constexpr char kCommonName[] = "common";
inline constexpr ObjectId kCommonDirectory = ~0U;
inline constexpr unsigned kThreadShift = 20;  // ids: thread above, number below

struct ThreadModel {
  uint32_t number = 0;
  uint32_t next_object = 1, next_version = 1;
  NameHistory names;
  std::map<ObjectId, ContentHistory> files;  // also those without a name; forgotten at the next verification

  ObjectId NewId() { return number << kThreadShift | next_object++; }
  ObjectId TopDirectory() const { return kDirectoryBit | number << kThreadShift; }
  std::string TopName() const { return "t" + std::to_string(number); }
  // What the names of this thread in the common directory begin with.
  std::string CommonPrefix() const { return std::string(kCommonName) + "/t" + std::to_string(number) + "."; }
};

struct Oracle {
  enum class Stage : uint8_t {
    kComplete,  // the last run ended by itself, or was verified: the next run may go on
    kDied,      // the mount died under the last run: verify first
  };
  Stage stage = Stage::kComplete;
  bool after_kill = false;  // what is there is in the page cache and not known to be durable
  std::vector<ThreadModel> threads;
};

// False, with a message on standard error, if the file cannot be written or read.
bool SaveOracle(const Oracle& oracle, const std::string& path);
bool LoadOracle(const std::string& path, Oracle& oracle);

}  // namespace tdefs::crash
