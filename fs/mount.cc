#include "fs/mount.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/file_io.h"
#include "base/log.h"
#include "fs/control.h"
#include "fs/fuse_session.h"
#include "fs/healer.h"
#include "fs/volume.h"

namespace tdefs {
namespace {

constexpr int kDrainTimeoutMs = 10'000;  // after a stop signal, for programs that still have files open

Result<std::string> ResolvedDirectory(const std::string& path, const char* what) {
  if (path.empty() || path[0] != '/') {
    return Fail(ErrorCode::kBadPath, std::string(what) + " must be an absolute path: " + path);
  }
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return FailErrno(errno, std::string(what) + " " + path);
  struct stat attributes;
  if (::stat(resolved, &attributes) != 0) return FailErrno(errno, std::string(what) + " " + path);
  if (!S_ISDIR(attributes.st_mode))
    return Fail(ErrorCode::kBadPath, std::string(what) + " is not a directory: " + path);
  return std::string(resolved);
}

// True if `path` is `directory` or lies below it. Requires: both are resolved.
bool IsWithin(const std::string& path, const std::string& directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// Signals become readable events; all threads started from here on leave them alone.
Result<UniqueFd> SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return FailErrno(errno, "block signals");
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd) return FailErrno(errno, "signalfd");
  ::signal(SIGPIPE, SIG_IGN);
  return fd;
}

// Waits for the end of the session. A stop signal detaches the mount; files that stay open get kDrainTimeoutMs.
void WaitForEnd(FuseSession& session, int signal_fd, int finished_fd) {
  int timeout_ms = -1;
  for (;;) {
    struct pollfd events[2] = {{finished_fd, POLLIN, 0}, {signal_fd, POLLIN, 0}};
    const int ready = ::poll(events, 2, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || (events[0].revents & POLLIN) != 0) return;
    if (ready == 0) {
      Log(LogLevel::kWarn, "files are still open {} s after the stop signal: cutting them off", kDrainTimeoutMs / 1000);
      session.Abort();
      timeout_ms = -1;
      continue;
    }
    struct signalfd_siginfo received {};
    if (::read(signal_fd, &received, sizeof received) != sizeof received) continue;
    if (received.ssi_signo == SIGHUP) {
      Log(LogLevel::kInfo, "SIGHUP: nothing to reload");
      continue;
    }
    Log(LogLevel::kInfo, "stopping on signal {}", received.ssi_signo);
    session.Unmount();
    timeout_ms = kDrainTimeoutMs;
  }
}

// An open file of the mount is a descriptor of ours.
void WarnOfLimits() {
  constexpr rlim_t kDescriptorsAdvised = 65'536;
  struct rlimit descriptors {};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_cur < kDescriptorsAdvised) {
    Log(LogLevel::kInfo,
        "programs can have only about {} files open at once: raise the limit of open files (ulimit -n)",
        descriptors.rlim_cur / 8 * 7);
  }
  if (!SecretMemoryIsLocked()) {
    Log(LogLevel::kWarn, "keys may be swapped out: the memory for them cannot be locked (see ulimit -l)");
  }
}

Status Serve(const Config& config, KeyManager& keys, int signal_fd, const std::function<void()>& on_ready) {
  VolumeStatistics statistics;
  UniqueFd finished(::eventfd(0, EFD_CLOEXEC));
  if (!finished) return FailErrno(errno, "eventfd");
  UniqueFd backing = TRY(OpenAt(AT_FDCWD, config.store.backing_dir, O_RDONLY | O_DIRECTORY));
  UniqueFd store_dir = TRY(OpenAt(backing.get(), kStoreDirName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  auto volume =
      TRY(Volume::Create(std::move(backing), keys, {config.mount.read_only, config.mount.direct_io}, statistics));
  auto session = TRY(FuseSession::Mount(*volume, config));
  auto control = ControlServer::Start(store_dir.get(), {&keys, &statistics, &config});
  if (!control) {
    // A full disk must not keep its files from being read and removed (R8).
    if (control.error().sys_errno != ENOSPC && control.error().sys_errno != EDQUOT) {
      return std::unexpected(control.error());
    }
    Log(LogLevel::kWarn, "until the next mount neither status nor keys can be asked for: {}", control.error().Text());
  }
  Healer healer(*volume);
  session->Start(finished.get());
  healer.Start();
  Log(LogLevel::kInfo, "mounted {} at {}", config.store.backing_dir, config.store.mount_point);
  // Asked of the mount itself, so from a thread that does not serve it.
  std::thread ready([&] {
    struct statvfs answer;
    if (::statvfs(config.store.mount_point.c_str(), &answer) == 0) on_ready();
  });
  WaitForEnd(*session, signal_fd, finished.get());
  ready.join();
  return {};
}

}  // namespace

Status CheckMountPaths(const std::string& backing_dir, const std::string& mount_point) {
  const std::string backing = TRY(ResolvedDirectory(backing_dir, "backing directory"));
  const std::string mount = TRY(ResolvedDirectory(mount_point, "mount point"));
  if (backing == mount) return Fail(ErrorCode::kBadPath, "mount point and backing directory are the same: " + mount);
  if (IsWithin(mount, backing)) {
    return Fail(ErrorCode::kBadPath, "mount point " + mount + " is inside the backing directory " + backing);
  }
  if (IsWithin(backing, mount)) {
    return Fail(ErrorCode::kBadPath, "mount point " + mount + " contains the backing directory " + backing);
  }
  return {};
}

Status ServeMount(const Config& config, const std::function<void()>& on_ready) {
  TRY(CheckMountPaths(config.store.backing_dir, config.store.mount_point));
  // Before any thread starts: a signal must find no thread that would take it.
  UniqueFd signals = TRY(SignalFd());
  ::umask(0);                                           // modes come from the callers
  if (::geteuid() == 0) (void)::setgroups(0, nullptr);  // root's own groups must not count for callers
  auto keys = TRY(KeyManager::Open(config.store.backing_dir, config.encryption, config.mount.flush_interval_ms,
                                   KeyManager::Access::kMount));
  WarnOfLimits();
  Status served = Serve(config, *keys, signals.get(), on_ready);
  Status closed = keys->Close();
  Log(LogLevel::kInfo, "unmounted {}", config.store.mount_point);
  if (!served) return served;
  return closed;
}

}  // namespace tdefs
