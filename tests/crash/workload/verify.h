// What is found after a crash against what the oracle allows (rule R5).
#pragma once

#include <string>
#include <vector>

#include "tests/crash/workload/found_tree.h"
#include "tests/crash/workload/oracle.h"

namespace tdefs::crash {

// Everything that is wrong, one line each; empty if all is legal, and then the oracle goes on from what was found.
std::vector<std::string> Verify(Oracle& oracle, const FoundTree& tree, After after);

}  // namespace tdefs::crash
