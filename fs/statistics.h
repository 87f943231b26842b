// Counters of a live volume: what `tdefs status` and later the metrics show. Relaxed atomics; no locks.
#pragma once

#include <atomic>
#include <cstdint>

namespace tdefs {

struct VolumeStatistics {
  using Counter = std::atomic<uint64_t>;
  Counter reads{0}, writes{0}, read_bytes{0}, written_bytes{0}, syncs{0}, creates{0}, removes{0}, renames{0};
  Counter ctr_overwritten_bytes{0};  // bytes written where the file had content under the same IV
  Counter healed_files{0};           // records mended from tags after an unclean shutdown
  Counter tampered_files{0};         // refused: tag and dictionary disagree
  Counter foreign_files{0};          // refused: content without tag and record
  Counter known_inodes{0}, open_files{0};
};

}  // namespace tdefs
