// model_test: random operations side by side on a mount and on a plain directory; both must always agree.
//
//   model_test --mount DIR --plain DIR --seed S --ops N [--remount-cmd CMD] [--remounts N] [--skip OP,OP…]
//              [--counts 1]
//
// Both directories must be empty at the start. `--skip direct` opens nothing with O_DIRECT. Prints one `ok` or `FAIL`
// line and exits with 0 or 1.
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mount/model/operations.h"

namespace tdefs::model {
namespace {

constexpr uint64_t kTreeComparisonEvery = 2500;  // operations

struct Options {
  std::string mount, plain, remount_command, skip;
  uint64_t seed = 1, operations = 50'000, remounts = 3;
  bool counts = false;
};

[[noreturn]] void Usage() {
  fmt::print(stderr,
             "usage: model_test --mount DIR --plain DIR [--seed S] [--ops N] [--remount-cmd CMD] "
             "[--remounts N] [--skip OP,OP]\n");
  std::exit(2);
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int at = 1; at + 1 < argc; at += 2) {
    std::string_view name = argv[at];
    const char* value = argv[at + 1];
    if (name == "--mount")
      options.mount = value;
    else if (name == "--plain")
      options.plain = value;
    else if (name == "--remount-cmd")
      options.remount_command = value;
    else if (name == "--counts")
      options.counts = true;
    else if (name == "--skip")
      options.skip = value;
    else if (name == "--seed")
      options.seed = std::strtoull(value, nullptr, 10);
    else if (name == "--ops")
      options.operations = std::strtoull(value, nullptr, 10);
    else if (name == "--remounts")
      options.remounts = std::strtoull(value, nullptr, 10);
    else
      Usage();
  }
  if (argc % 2 == 0 || options.mount.empty() || options.plain.empty() || options.operations == 0) Usage();
  return options;
}

bool Skipped(const Options& options, std::string_view name) {
  return fmt::format(",{},", options.skip).find(fmt::format(",{},", name)) != std::string::npos;
}

// Every operation as often as its weight says, without the skipped ones.
std::vector<const Operation*> Weighted(const Options& options) {
  std::vector<const Operation*> all;
  for (auto operations :
       {DataOperations(), SpaceOperations(), FileOperations(), NameOperations(), AttributeOperations()}) {
    for (const Operation& operation : operations) {
      if (!Skipped(options, operation.name)) all.insert(all.end(), operation.weight, &operation);
    }
  }
  return all;
}

void Remount(World& world, const std::string& command) {
  world.Note("remount");
  world.CloseAll();
  if (std::system(command.c_str()) != 0) world.Fail("the remount command failed: " + command);
  world.OpenRoots();
  CompareTrees(world);
}

int Run(const Options& options) {
  World world(options.seed, options.mount, options.plain);
  std::vector<const Operation*> operations = Weighted(options);
  world.use_direct = !Skipped(options, "direct");
  uint64_t remount_every = options.remount_command.empty() ? 0 : options.operations / (options.remounts + 1);
  uint64_t remounts = 0;
  for (uint64_t number = 1; number <= options.operations; ++number) {
    world.set_operation(number);
    world.random.Pick(operations)->run(world);
    if (number % kTreeComparisonEvery == 0) CompareTrees(world);
    if (remount_every != 0 && number % remount_every == 0 && remounts < options.remounts) {
      Remount(world, options.remount_command);
      ++remounts;
    }
  }
  CompareTrees(world);
  fmt::print("ok model: seed {}, {} operations, {} remounts\n", options.seed, options.operations, remounts);
  if (options.counts) fmt::print("{}", world.CallCounts());
  return 0;
}

}  // namespace
}  // namespace tdefs::model

int main(int argc, char** argv) {
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  return tdefs::model::Run(tdefs::model::Parse(argc, argv));
}
