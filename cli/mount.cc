// tdefs mount: settings together, paths checked, then the daemon in the background or here.
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/process.h"
#include "cli/target.h"
#include "cli/unmount.h"
#include "config/load.h"
#include "fs/mount.h"
#include "fs/mount_table.h"

namespace tdefs {
namespace {

constexpr int kStackedDeadMountsMax = 16;

// -c and config= first, then the other -o options in their order, then what has its own argument.
Result<Config> MountSettings(const MountArguments& arguments) {
  constexpr std::string_view kConfigOption = "config=";
  std::vector<std::string> options;
  StoreArguments store = arguments.store;
  for (const std::string& argument : arguments.options) {
    for (std::string& option : SplitMountOptions(argument)) {
      if (option.starts_with(kConfigOption)) store.config_file = option.substr(kConfigOption.size());
      options.push_back(std::move(option));
    }
  }
  Config config = TRY(LoadSettings({store.config_file, {}}));
  for (const std::string& option : options) TRY(ApplyMountOption(option, config));
  if (!store.key_file.empty()) {
    config.encryption.master_key = TRY(LoadSettings({{}, store.key_file})).encryption.master_key;
  }
  if (!arguments.backing_dir.empty()) config.store.backing_dir = arguments.backing_dir;
  if (!arguments.mount_point.empty()) config.store.mount_point = arguments.mount_point;
  if (config.store.backing_dir.empty() || config.store.mount_point.empty()) {
    const bool no_backing = config.store.backing_dir.empty();
    return Fail(ErrorCode::kUsage, fmt::format("no {}: give it as an argument or as [store] {}",
                                               no_backing ? "backing directory" : "mount point",
                                               no_backing ? "backing-dir" : "mount-point"));
  }
  return config;
}

// A mount whose daemon died stands in the way until it is detached.
Status ClearDeadMounts(const std::string& mount_point) {
  for (int i = 0; i < kStackedDeadMountsMax; ++i) {
    // statfs asks the daemon; stat may still be answered from the kernel's cache.
    struct statfs answer;
    if (::statfs(mount_point.c_str(), &answer) == 0 || errno != ENOTCONN) return {};
    const std::string absolute = TRY(AbsolutePath(mount_point));
    const std::optional<MountEntry> mount = TRY(FindMount(absolute));
    if (!mount || mount->mount_point != absolute) return FailErrno(ENOTCONN, "mount point " + mount_point);
    PrintNote(fmt::format("{}: detaching a mount whose daemon is gone", mount_point));
    TRY(Unmount(absolute, UnmountMode::kLazy));
  }
  return FailErrno(ENOTCONN, "mount point " + mount_point);
}

// The mount answers, and it is FUSE that answers.
Status CheckAnswer(const std::string& mount_point) {
  struct statfs answer;
  if (::statfs(mount_point.c_str(), &answer) != 0) return FailErrno(errno, "statfs of " + mount_point);
  if (answer.f_type == FUSE_SUPER_MAGIC) return {};
  return Fail(ErrorCode::kMount, mount_point + ": the daemon is ready, but something else answers here");
}

Status ServeInBackground(const Config& config) {
  auto serve = [&](const std::function<void()>& on_ready) -> Status {
    PrepareToServe();
    LogOptions log = config.log;
    log.syslog = true;  // where there is no log file: the terminal is left once the mount answers
    TRY(SetUpLogging(log));
    Status served = ServeMount(config, on_ready);
    // Without a log file the terminal has it from the parent.
    if (!served && !log.file.empty()) Log(LogLevel::kError, "{}", served.error().Text());
    return served;
  };
  TRY(RunInBackground(serve));
  return CheckAnswer(config.store.mount_point);
}

}  // namespace

Status RunMount(const MountArguments& arguments) {
  Config config = TRY(MountSettings(arguments));
  TRY(ClearDeadMounts(config.store.mount_point));
  TRY(CheckMountPaths(config.store.backing_dir, config.store.mount_point));
  config.store.backing_dir = TRY(ResolvePath(config.store.backing_dir));
  config.store.mount_point = TRY(ResolvePath(config.store.mount_point));
  if (!arguments.foreground) return ServeInBackground(config);
  PrepareToServe();
  TRY(SetUpLogging(config.log));
  return ServeMount(config, [] {});
}

}  // namespace tdefs
