// What a process that holds keys does to itself, and a mount's daemon: a child that reports when it is ready.
#pragma once

#include <functional>

#include "base/error.h"

namespace tdefs {

// No core dumps, no ptrace by the same user: keys stay in the process. For every command.
void ForbidDumps();
// For a process that serves a mount: as many descriptors as the system allows, and memory reclaim that never waits for
// the filesystem it serves (PR_SET_IO_FLUSHER). Best effort.
void PrepareToServe();

// Runs `serve` in a child that left the terminal, and returns when the child called on_ready (from any thread; its
// standard streams are /dev/null from then on) or with the child's error. The child never returns from here.
// Requires: no other threads run.
Status RunInBackground(const std::function<Status(const std::function<void()>& on_ready)>& serve);

}  // namespace tdefs
