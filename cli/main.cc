// tdefs, and mount.fuse.tdefs under its other name.
#include <cstdio>
#include <exception>
#include <iostream>
#include <string_view>

#include "base/failpoint.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/process.h"

namespace {

bool IsMountHelper(std::string_view program) {
  const size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  return program.starts_with("mount.");
}

tdefs::Status Run(int argc, char** argv) {
  if (argc > 0 && IsMountHelper(argv[0])) return tdefs::RunMountHelper(argc, argv);
  auto command = TRY(tdefs::ParseArguments(argc, argv));
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  if (tdefs::ListFailpointsIfAsked()) return 0;
  tdefs::ForbidDumps();
  try {
    tdefs::Status status = Run(argc, argv);
    std::cout.flush();  // the argument parser's help
    if (status) status = tdefs::FlushOutput();
    return status ? 0 : tdefs::PrintError(status.error());
  } catch (const std::exception& error) {  // out of memory, or a library's exception that was not foreseen
    return tdefs::PrintError({tdefs::ErrorCode::kSystem, 0, std::string("unexpected: ") + error.what()});
  }
}
