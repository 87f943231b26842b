// Healer: while healing is asked for (KeyManager::healing), walks the whole volume so that each name is held against
// its tag (Volume::Lookup heals it), and then declares the request done. Until then lookups heal what they meet.
//
// A walk counts only if nothing asked anew while it ran: a directory that moved, a name that could not be healed. It is
// then repeated, after a pause that grows while nothing helps (a full disk).
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "fs/volume.h"

namespace tdefs {

class Healer {
 public:
  explicit Healer(Volume& volume) : volume_(volume) {}
  // Stops between two names; what is left is noted for the next mount.
  ~Healer();
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;

  void Start();
  // One walk in the calling thread, if healing is asked for; true if nothing is left to heal. Not beside Start.
  bool Heal();

 private:
  void Run();
  bool WalkAll();
  bool WalkDirectory(NodeId directory);

  Volume& volume_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
  std::vector<NodeId> pending_;  // directories still to be walked, each with one lookup; the thread's own
  // Files with several names, each with a lookup for each name that was met: were they forgotten in between, their
  // names would get records of their own, which the next change of one of them parts. Memory grows with their number.
  std::vector<NodeId> linked_;
  uint64_t names_ = 0;
};

}  // namespace tdefs
