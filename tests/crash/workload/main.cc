// crash_workload: random operations on a mounted directory whose daemon, or whose filesystem below, is going to die,
// and the check of what is there afterwards. See --help.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tests/crash/workload/verify.h"
#include "tests/crash/workload/worker.h"

namespace tdefs::crash {
namespace {

constexpr int kWrong = 1, kUsage = 2, kMountDied = 3;  // exit codes
constexpr uint32_t kThreadsMax = 64;
constexpr uint64_t kSpinMax = 3000;  // microseconds between the last operation counted and the end

constexpr const char* kHelp =
    R"(usage: crash_workload run    --dir DIR --oracle FILE [--seed N] [--threads N] [--ops N] [--seconds N]
                             [--kill PID | --cut FILESYSTEM] [--after-ops N] [--eio wrong]
       crash_workload verify --dir DIR --oracle FILE --after kill|torn-kill|power-cut

run     does random operations of all kinds below DIR (made if it is not there) from several threads, until N
        operations are done, N seconds have passed or the mount dies, then writes FILE: what was acknowledged,
        what was synced, what was in flight. If FILE is there, the run goes on from it; else DIR must be empty.
        With --kill the run itself ends process PID by SIGKILL, with --cut it shuts down the ext4 or XFS
        filesystem mounted at FILESYSTEM without a flush of its log, at a random moment soon after N operations.
        Cut by somebody else, a sync that returns success only because the filesystem went down beneath it would
        count. EIO is taken for the death of the mount, with --eio wrong only if its daemon does not answer.
verify  reads everything below DIR and holds it against FILE. After a kill every acknowledged change must be
        there; after a torn kill (of a daemon that a failpoint ended inside of a write) one unit of each file
        that was being changed may hold anything. After a power cut what was synced must be there, or any later
        state: of names one after the first so many changes, of each 16-byte unit any content since the last
        sync. If all is legal, what was found is the new base in FILE, so that runs and verifications can
        alternate on one store. A FILE that has been through a kill is good for kills only: contents that are
        only in the page cache are legal there. On bare ext4 about one cut in fifty finds an O_DSYNC write
        missing, below the size in memory and beyond that on the disk: ext4 syncs the range alone. Through a
        mount all of the file is synced.

exit codes: 0 all done (run: the mount lives; verify: all is legal), 1 something is wrong (it is printed), 2 usage,
            3 the mount died (run: FILE was written; verify: nothing was decided)
)";

struct Options {
  std::string command, directory, oracle, after, cut;
  uint64_t seed = 1, operations = 0, seconds = 0, after_operations = 0;
  uint32_t threads = 3;
  pid_t kill = 0;
  bool eio_is_wrong = false;
};

[[noreturn]] void Usage() {
  fmt::print(stderr, "{}", kHelp);
  std::exit(kUsage);
}

Options Parse(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    fmt::print("{}", kHelp);
    std::exit(0);
  }
  if (argc < 2 || argc % 2 != 0) Usage();
  Options options;
  options.command = argv[1];
  for (int at = 2; at + 1 < argc; at += 2) {
    const std::string_view name = argv[at];
    const char* value = argv[at + 1];
    const uint64_t number = std::strtoull(value, nullptr, 10);
    if (name == "--dir") {
      options.directory = value;
    } else if (name == "--oracle") {
      options.oracle = value;
    } else if (name == "--after") {
      options.after = value;
    } else if (name == "--seed") {
      options.seed = number;
    } else if (name == "--threads") {
      options.threads = static_cast<uint32_t>(number);
    } else if (name == "--ops") {
      options.operations = number;
    } else if (name == "--seconds") {
      options.seconds = number;
    } else if (name == "--kill") {
      options.kill = static_cast<pid_t>(number);
    } else if (name == "--eio" && value == std::string_view("wrong")) {
      options.eio_is_wrong = true;
    } else if (name == "--cut") {
      options.cut = value;
    } else if (name == "--after-ops") {
      options.after_operations = number;
    } else {
      Usage();
    }
  }
  const bool run = options.command == "run", verify = options.command == "verify";
  if ((!run && !verify) || options.directory.empty() || options.oracle.empty()) Usage();
  if (verify && options.after != "kill" && options.after != "torn-kill" && options.after != "power-cut") Usage();
  if (options.threads == 0 || options.threads > kThreadsMax) Usage();
  return options;
}

// The directories of the run, durable.
bool MakeDirectories(Run& run, const std::string& directory, Oracle& oracle) {
  auto did = [&](int result, const char* what) {
    if (result >= 0 || errno == EEXIST) return true;
    if (IsDeath(errno)) {
      run.Died();
    } else {
      run.Failed(fmt::format("{}: {}", what, std::strerror(errno)));
    }
    return false;
  };
  if (!did(::mkdir(directory.c_str(), 0755), "mkdir")) return false;
  run.directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!did(run.directory_fd, "open of the directory")) return false;
  if (!did(::mkdirat(run.directory_fd, kCommonName, 0755), "mkdir")) return false;
  for (const ThreadModel& thread : oracle.threads) {
    if (!did(::mkdirat(run.directory_fd, thread.TopName().c_str(), 0755), "mkdir")) return false;
  }
  UniqueFd parent(::openat(run.directory_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return did(parent.get(), "open of the parent directory") && did(::fsync(parent.get()), "fsync of the parent") &&
         did(::fsync(run.directory_fd), "fsync of the directory");
}

// Ends the daemon, and returns when it has ended.
void Kill(pid_t process) {
  const UniqueFd daemon(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  ::kill(process, SIGKILL);
  struct pollfd ended = {daemon.get(), POLLIN, 0};
  ::poll(&ended, 1, -1);
}

// ext4 and XFS share the call; xfs_io knows it as `shutdown`.
void Cut(Run& run, const std::string& filesystem) {
  constexpr auto kShutdown = _IOR('X', 125, uint32_t);
  uint32_t without_log_flush = 2;
  const UniqueFd fd(::open(filesystem.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  run.cutting = true;
  if (::ioctl(fd.get(), kShutdown, &without_log_flush) != 0) {
    run.Failed(fmt::format("shutdown of {}: {}", filesystem, std::strerror(errno)));
  }
}

// The end that was asked for, at a random moment soon after so many operations.
void EndWhenDue(Run& run, const Options& options) {
  model::Random random(options.seed ^ 0x6b696c6c);
  for (uint64_t done = run.operations; done < options.after_operations && !run.stop; done = run.operations) {
    run.operations.wait(done);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random.Below(kSpinMax));
  while (std::chrono::steady_clock::now() < until) {
  }
  if (options.kill != 0) {
    Kill(options.kill);
  } else {
    Cut(run, options.cut);
  }
}

void StopWhenDue(Run& run, const Options& options) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  for (uint64_t done = run.operations; !run.stop; done = run.operations) {
    const bool enough = options.operations != 0 && done >= options.operations;
    const bool late = options.seconds != 0 && std::chrono::steady_clock::now() >= end;
    if (enough || late) run.stop = true;
    if (!run.stop) run.operations.wait(done);
  }
}

void Work(Run& run, const Options& options, Oracle& oracle) {
  std::vector<std::thread> workers;
  for (ThreadModel& thread : oracle.threads) {
    workers.emplace_back([&run, &thread, seed = options.seed * kThreadsMax + thread.number] {
      Worker(run, thread, seed).Work();
      ++run.operations;  // whoever waits for the next operation must not wait for one that never comes
      run.operations.notify_all();
    });
  }
  std::thread killer, stopper([&] { StopWhenDue(run, options); });
  if (options.kill != 0 || !options.cut.empty()) killer = std::thread([&] { EndWhenDue(run, options); });
  for (std::thread& worker : workers) worker.join();
  stopper.join();
  if (killer.joinable()) killer.join();
}

int RunWorkload(const Options& options) {
  Oracle oracle;
  if (std::filesystem::exists(options.oracle)) {
    if (!LoadOracle(options.oracle, oracle)) return kWrong;
    if (oracle.stage == Oracle::Stage::kDied) {
      fmt::print(stderr, "error: the mount died under the last run: verify first\n");
      return kUsage;
    }
  } else {
    for (uint32_t number = 0; number < options.threads; ++number) oracle.threads.emplace_back().number = number;
  }
  Run run;
  run.eio_is_wrong = options.eio_is_wrong;
  if (MakeDirectories(run, options.directory, oracle)) Work(run, options, oracle);
  if (run.died) oracle.stage = Oracle::Stage::kDied;
  if (!SaveOracle(oracle, options.oracle)) return kWrong;
  fmt::print("{} operations, {}\n", run.operations.load(), run.died ? "then the mount died" : "the mount lives");
  if (run.failed) return kWrong;
  return run.died ? kMountDied : 0;
}

int RunVerify(const Options& options) {
  Oracle oracle;
  if (!LoadOracle(options.oracle, oracle)) return kWrong;
  After after = options.after == "kill" ? After::kKill : After::kPowerCut;
  if (options.after == "torn-kill") after = After::kTornKill;
  if (after == After::kPowerCut && oracle.after_kill) {
    fmt::print(stderr, "error: this oracle has been through a kill, it cannot tell what is durable\n");
    return kUsage;
  }
  UniqueFd directory(::open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  FoundTree tree;
  if (directory) {
    tree = ReadTree(directory.get());
  } else if (errno != ENOENT) {
    tree.error = fmt::format("open of {}: {}", options.directory, std::strerror(errno));
    tree.died = errno == ENOTCONN || errno == ECONNABORTED;
  }
  if (tree.died) {
    fmt::print("the mount died\n");
    return kMountDied;
  }
  const std::vector<std::string> wrong = Verify(oracle, tree, after);
  for (const std::string& line : wrong) fmt::print("verify: {}\n", line);
  if (!wrong.empty()) return kWrong;
  fmt::print("verified {} names\n", tree.entries.size());
  return SaveOracle(oracle, options.oracle) ? 0 : kWrong;
}

}  // namespace
}  // namespace tdefs::crash

int main(int argc, char** argv) {
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  const tdefs::crash::Options options = tdefs::crash::Parse(argc, argv);
  return options.command == "run" ? tdefs::crash::RunWorkload(options) : tdefs::crash::RunVerify(options);
}
