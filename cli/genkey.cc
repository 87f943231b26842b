// tdefs genkey: a new master key file.
#include <fmt/core.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/target.h"
#include "keys/key_file.h"

namespace tdefs {

Status RunGenkey(const GenkeyArguments& arguments) {
  const std::string path = TRY(AbsolutePath(arguments.key_file));
  TRY(CreateKeyFile(path));
  fmt::print("{}\n", path);
  PrintNote("keep a copy of this key elsewhere: without it, what it encrypts is lost");
  return {};
}

}  // namespace tdefs
