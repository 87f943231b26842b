// NameHistory: what the names of one thread may be after a crash. ext4 and XFS bring back a prefix of the changes of
// names (strictly ordered metadata), so a legal state is the one after the first n changes, n at least what was synced.
//
// Paths are relative to the directory of the run. Objects, files and directories, have ids; 0 is none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace tdefs::crash {

using ObjectId = uint32_t;
inline constexpr ObjectId kDirectoryBit = 1U << 31;  // in the ids of directories
inline bool IsDirectory(ObjectId id) {
  return (id & kDirectoryBit) != 0;
}

// Path → object. The thread's top directories are not in it.
using Names = std::map<std::string, ObjectId>;

struct NameChange {
  enum class Kind : uint8_t { kMake, kRemove, kRename, kExchange };
  Kind kind = Kind::kMake;
  std::string from{}, to{};
  ObjectId object = 0, other = 0;                 // at from; at to
  ObjectId from_directory = 0, to_directory = 0;  // their parents
};

// The same as text, for messages.
std::string Text(const NameChange& change);

class NameHistory {
 public:
  void Begin(NameChange change) { in_flight_ = std::move(change); }
  void Acknowledge();
  const Names& now() const { return now_; }

  // fsync of a directory or of a file returned: the last change that concerns it, and all before, are durable.
  void Synced(ObjectId object);

  struct Candidate {
    Names names;
    size_t changes = 0;  // how many of those since the durable state are in it
  };
  // Each state that may be found, the latest first. With `acknowledged_only`, all acknowledged changes are in it.
  std::vector<Candidate> Candidates(bool acknowledged_only) const;
  // The last changes, for a message.
  std::string Tail(size_t count) const;
  void Rebase(Names found);

  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);

 private:
  Names durable_;
  Names now_;
  std::vector<NameChange> changes_;  // acknowledged since durable_
  std::optional<NameChange> in_flight_;
};

}  // namespace tdefs::crash
