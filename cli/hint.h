// The `hint:` line under an error: what to do next, keyed by the error's code.
#pragma once

#include <string>

#include "base/error.h"

namespace tdefs {

// Empty where there is nothing useful to say.
std::string HintFor(const Error& error);

}  // namespace tdefs
