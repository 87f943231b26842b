// ContentHistory: what one file's bytes may be after a crash. It keeps the content that was last made durable and every
// change since, so that each unit read afterwards can be held against each content it ever had in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace tdefs::crash {

// What happened: SIGKILL of the daemon; the same in the middle of a write, which a failpoint can tear inside of a unit
// as no filesystem does; loss of power.
enum class After : uint8_t { kKill, kTornKill, kPowerCut };

// One change of content. Offsets, lengths and sizes in bytes.
struct ContentChange {
  enum class Kind : uint8_t {
    kWrite,     // length bytes of the file's stream of `version` at offset
    kTruncate,  // to the size `offset`
    kZero,      // length bytes from offset on are zeros, up to the end of the file
    kAllocate,  // nothing but a size of at least offset + length
  };
  Kind kind = Kind::kWrite;
  uint64_t offset = 0, length = 0;
  uint32_t version = 0;
  bool durable = false;  // its range, once acknowledged: O_DSYNC, msync
};

class ContentHistory {
 public:
  explicit ContentHistory(uint32_t file = 0) : file_(file) {}

  // The intent stands before the call and the acknowledgement after it; one change at a time.
  void Begin(const ContentChange& change) { in_flight_ = change; }
  void Acknowledge();
  // All that was acknowledged is durable now: fsync or fdatasync returned.
  void Synced();
  // What a program must read now.
  const std::string& now() const { return now_; }
  size_t changes() const { return changes_.size(); }

  // What is wrong with this content after a crash; nothing if it is legal. After a kill every acknowledged change must
  // be there, after a power cut what was made durable or anything later.
  // After a torn kill one unit of a file that was being changed may hold anything.
  std::optional<std::string> Wrong(const std::string& found, After after) const;
  // The content that was found is the new base.
  void Rebase(const std::string& found);

  void Save(ByteWriter& out) const;
  bool Load(ByteReader& in);

 private:
  std::vector<ContentChange> Since(After after) const;
  std::string Story(const std::vector<ContentChange>& since) const;
  void Apply(const ContentChange& change, std::string& content) const;

  uint32_t file_;
  std::string durable_;
  std::string now_;
  std::vector<ContentChange> changes_;  // acknowledged since durable_
  std::optional<ContentChange> in_flight_;
};

}  // namespace tdefs::crash
