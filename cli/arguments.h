// The command line: subcommands, their options and texts.
#pragma once

#include <functional>

#include "base/error.h"

namespace tdefs {

// What the arguments ask for, ready to run; --help and the like only print. kUsage for what makes no sense.
Result<std::function<Status()>> ParseArguments(int argc, char** argv);

}  // namespace tdefs
