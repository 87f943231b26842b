// Healer: after an unclean shutdown, walks the whole volume once in the background so that each name is held against
// its tag (Volume::Lookup heals it), and then declares the dictionary healed. Until then lookups heal what they meet.
#pragma once

#include <atomic>
#include <thread>

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

 private:
  bool WalkAll();
  bool WalkDirectory(NodeId directory);

  Volume& volume_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
  std::vector<NodeId> pending_;  // directories still to be walked, each with one lookup; the thread's own
  uint64_t names_ = 0;
};

}  // namespace tdefs
