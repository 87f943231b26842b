// Carrying out what fs/repair_plan.h decided.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "fs/repair_plan.h"

namespace tdefs {

// Keeps a copy of what is about to change (keys/repair_copy.h), then does all of the plan's actions durably, and closes
// the store in order. Tags come before entries: whatever cuts this short, the log says that the store is in use, and
// the next mount or repair goes on from the tags. Returns the name of the copy's directory in .tdefs. `on_action`
// reports progress (actions so far). Requires: the plan is of these `keys`, opened with kRepair, and not empty.
Result<std::string> CarryOut(const RepairPlan& plan, KeyManager& keys, const std::string& backing_dir,
                             const std::function<void(uint64_t)>& on_action);

}  // namespace tdefs
