#include "fs/fuse_session.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/file_io.h"
#include "base/log.h"
#include "fs/fuse_glue.h"
#include "fs/fuse_raw.h"
#include "fs/mount_table.h"

namespace tdefs {
namespace {

// Requests wait for the disk in fsync and cold reads, so there are more threads than cores.
constexpr unsigned kExtraThreads = 8;
constexpr unsigned kThreadsMax = 256;
constexpr unsigned kWriteBytesMax = 1 << 20;

unsigned ThreadCount(const MountConfig& mount) {
  const unsigned wanted = mount.threads != 0 ? mount.threads : std::thread::hardware_concurrency() + kExtraThreads;
  return std::min(wanted, kThreadsMax);
}

std::string Escaped(const std::string& value) {
  std::string escaped;
  for (char c : value) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string MountOptions(const Config& config) {
  const MountConfig& mount = config.mount;
  std::string options = "default_permissions,subtype=tdefs,fsname=" + Escaped(config.store.backing_dir);
  options += mount.dev ? ",dev" : ",nodev";
  options += mount.suid ? ",suid" : ",nosuid";
  options += mount.exec ? ",exec" : ",noexec";
  options += mount.read_only ? ",ro" : ",rw";
  if (mount.noatime) options += ",noatime";
  if (mount.allow_other && ::geteuid() == 0) options += ",allow_other";
  return options;
}

// The capabilities we want of those that libfuse knows. Left out: AUTO_INVAL_DATA, which drops the cache after each
// write, since nobody else writes; splice, since every byte is changed on the way; locks, which are the kernel's.
void Negotiate(void* user_data, struct fuse_conn_info* connection) {
  const MountConfig& mount = static_cast<FuseContext*>(user_data)->mount;
  unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_DONT_MASK |
                    FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
                    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA;
  if (mount.acl) wanted |= FUSE_CAP_POSIX_ACL;
  if (mount.writeback_cache) wanted |= FUSE_CAP_WRITEBACK_CACHE;
  connection->want = wanted & connection->capable;
  connection->max_write = kWriteBytesMax;
  connection->max_readahead = kWriteBytesMax;
  connection->max_background = mount.max_background;
  connection->congestion_threshold = mount.max_background / 4 * 3;
  connection->time_gran = 1;
}

// Not from the descriptor that libfuse names: that may be closed, or another file's, once it has unmounted.
ssize_t ReadRequest(int, void* buffer, size_t size, void* user_data) {
  return ::read(static_cast<FuseContext*>(user_data)->device.get(), buffer, size);
}

// libfuse's replies pass here, so that the one to INIT can be completed.
ssize_t WriteReply(int, struct iovec* parts, int count, void* user_data) {
  auto* context = static_cast<FuseContext*>(user_data);
  if (context->init_pending.exchange(false)) ExtendInitReply(parts, count, context->init_offered);
  return ::writev(context->device.get(), parts, count);
}

}  // namespace

struct FuseSession::Impl {
  FuseContext context;
  struct fuse_session* session = nullptr;
  std::string device;  // "0:53"
  bool mounted = false;
  std::vector<std::thread> threads;
  std::atomic<size_t> running = 0;
  int finished_fd = -1;

  ~Impl() {
    if (session == nullptr) return;
    Unmount();
    for (std::thread& thread : threads) thread.join();
    fuse_session_destroy(session);
  }
  void Unmount() {
    if (std::exchange(mounted, false)) fuse_session_unmount(session);
  }
  void Serve();
  void Dispatch(struct fuse_buf& buffer);
  void WriteControl(const std::string& path, const std::string& value) const;
};

FuseSession::FuseSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FuseSession::~FuseSession() = default;
void FuseSession::Unmount() {
  impl_->Unmount();
}
void FuseSession::Abort() {
  const std::string minor = impl_->device.substr(impl_->device.find(':') + 1);
  impl_->WriteControl("/sys/fs/fuse/connections/" + minor + "/abort", "1");
}

Result<std::unique_ptr<FuseSession>> FuseSession::Mount(Volume& volume, const Config& config) {
  auto impl = std::make_unique<Impl>();
  impl->context.volume = &volume;
  impl->context.mount = config.mount;
  impl->context.cache_timeout_s = config.mount.cache_timeout_s;

  fuse_lowlevel_ops operations{};
  operations.init = Negotiate;
  AddNameOperations(operations);
  AddFileOperations(operations);
  AddDirectoryOperations(operations);
  AddAttributeOperations(operations);

  struct fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&arguments, "tdefs");
  fuse_opt_add_arg(&arguments, "-o");
  fuse_opt_add_arg(&arguments, MountOptions(config).c_str());
  impl->session = fuse_session_new(&arguments, &operations, sizeof operations, &impl->context);
  fuse_opt_free_args(&arguments);
  if (impl->session == nullptr) return Fail(ErrorCode::kMount, "libfuse refuses the mount options");
  if (fuse_session_mount(impl->session, config.store.mount_point.c_str()) != 0) {
    return Fail(ErrorCode::kMount, "cannot mount at " + config.store.mount_point);
  }
  impl->mounted = true;
  // By dup, which ThreadSanitizer knows: so it sees that the kernel asks for what follows an answer only after it.
  impl->context.device.Reset(::dup(fuse_session_fd(impl->session)));
  if (!impl->context.device || ::fcntl(impl->context.device.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return FailErrno(errno, "duplicate the descriptor of /dev/fuse");
  }
  struct fuse_custom_io io {};
  io.read = ReadRequest;
  io.writev = WriteReply;
  if (fuse_session_custom_io(impl->session, &io, fuse_session_fd(impl->session)) != 0) {
    return Fail(ErrorCode::kMount, "libfuse refuses the input and output functions");
  }
  if (auto entry = FindMount(config.store.mount_point); entry && *entry) impl->device = (*entry)->device;
  return std::unique_ptr<FuseSession>(new FuseSession(std::move(impl)));
}

void FuseSession::Impl::WriteControl(const std::string& path, const std::string& value) const {
  auto fd = OpenAt(AT_FDCWD, path, O_WRONLY);
  Status written = fd ? WriteAt(fd->get(), AsBytes(value), 0) : Status(std::unexpected(fd.error()));
  if (!written) Log(LogLevel::kInfo, "{} not set to {}: {}", path, value, written.error().Text());
}

void FuseSession::Start(int finished_fd) {
  Impl& impl = *impl_;
  impl.finished_fd = finished_fd;
  const unsigned count = ThreadCount(impl.context.mount);
  impl.running = count;
  for (unsigned i = 0; i < count; ++i) impl.threads.emplace_back([&impl] { impl.Serve(); });
  // The kernel's default of 128 KiB is a tenth of what sequential reads need.
  if (impl.context.mount.read_ahead_kib != 0 && ::geteuid() == 0) {
    impl.WriteControl("/sys/class/bdi/" + impl.device + "/read_ahead_kb",
                      std::to_string(impl.context.mount.read_ahead_kib));
  }
}

void FuseSession::Impl::Serve() {
  struct fuse_buf buffer {};
  while (fuse_session_exited(session) == 0) {
    const int size = fuse_session_receive_buf(session, &buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size <= 0) break;
    Dispatch(buffer);
  }
  std::free(buffer.mem);
  const uint64_t one = 1;
  if (running.fetch_sub(1) == 1 && ::write(finished_fd, &one, sizeof one) < 0) std::abort();
}

void FuseSession::Impl::Dispatch(struct fuse_buf& buffer) {
  const ByteView bytes(static_cast<const std::byte*>(buffer.mem), buffer.size);
  const RawRequest raw = ReadRawRequest(bytes);
  if (raw.is_init) {
    context.init_offered = raw.init_flags;
    context.init_pending = true;
  }
  if (raw.is_unnamed_create) {
    AnswerUnnamedCreate(bytes, *context.volume, context.cache_timeout_s, context.device.get());
    return;
  }
  KillSetIdRequested() = raw.kill_set_id;
  fuse_session_process_buf(session, &buffer);
}

}  // namespace tdefs
