// A hexdump of two byte strings around the first place where they differ.
#pragma once

#include <string>

namespace tdefs::model {

std::string HexdumpAroundDifference(const std::string& on_mount, const std::string& on_plain);

}  // namespace tdefs::model
