#include "cli/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "base/file_io.h"

namespace tdefs {
namespace {

constexpr rlim_t kDescriptorsWanted = 1 << 20;
constexpr size_t kReportBytesMax = 64 << 10;

// What the child writes into the pipe: one byte kReady; or kFailed, the code, the errno in 4 bytes, and the message.
constexpr std::byte kReady{'R'};
constexpr std::byte kFailed{'E'};

void ReportFailure(int pipe_fd, const Error& error) {
  ByteWriter report;
  report.Put(static_cast<uint8_t>(kFailed));
  report.Put(static_cast<uint8_t>(error.code));
  report.Put(static_cast<uint32_t>(error.sys_errno));
  report.PutBytes(AsBytes(std::string_view(error.message).substr(0, kReportBytesMax / 2)));
  // The parent may be gone; then nobody wants to know.
  (void)!::write(pipe_fd, report.bytes().data(), report.size());
}

Error DecodeFailure(ByteView report) {
  ByteReader reader(report.subspan(1));
  const auto code = reader.Get<uint8_t>();
  const auto sys_errno = reader.Get<uint32_t>();
  if (!sys_errno || *code >= kErrorCodeCount) return Error{ErrorCode::kMount, 0, "the daemon's report is not readable"};
  const auto message = reader.GetBytes(reader.remaining());
  return Error{static_cast<ErrorCode>(*code), static_cast<int>(*sys_errno), std::string(AsText(*message))};
}

void CloseTerminal() {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), stream);
}

// Everything until the child is ready or gone.
Result<Bytes> ReadReport(int pipe_fd) {
  Bytes report;
  std::array<std::byte, 4096> buffer;
  while (report.size() < kReportBytesMax) {
    const ssize_t size = ::read(pipe_fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FailErrno(errno, "read the daemon's report");
    if (size == 0) break;
    report.insert(report.end(), buffer.begin(), buffer.begin() + size);
    if (report.front() == kReady) break;
  }
  return report;
}

Status AwaitChild(pid_t child, int pipe_fd) {
  const Bytes report = TRY(ReadReport(pipe_fd));
  if (!report.empty() && report.front() == kReady) return {};
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!report.empty()) return std::unexpected(DecodeFailure(report));
  if (WIFSIGNALED(status)) {
    return Fail(ErrorCode::kMount,
                fmt::format("the daemon was ended by signal {} before the mount answered", WTERMSIG(status)));
  }
  return Fail(ErrorCode::kMount, "the mount ended before it answered");
}

[[noreturn]] void RunChild(int pipe_fd, const std::function<Status(const std::function<void()>&)>& serve) {
  ::setsid();
  if (::chdir("/") != 0) std::_Exit(TraitsOf(ErrorCode::kSystem).exit_code);
  std::atomic<bool> ready{false};
  const Status served = serve([&] {
    CloseTerminal();
    ready = true;
    (void)!::write(pipe_fd, &kReady, sizeof(kReady));
  });
  if (served) std::exit(0);
  if (!ready) ReportFailure(pipe_fd, served.error());
  std::exit(served.error().ExitCode());
}

}  // namespace

void ForbidDumps() {
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

void PrepareToServe() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    const rlimit wanted{std::max(kDescriptorsWanted, descriptors.rlim_max),
                        std::max(kDescriptorsWanted, descriptors.rlim_max)};
    if (::setrlimit(RLIMIT_NOFILE, &wanted) != 0) {  // only root may raise the hard limit
      descriptors.rlim_cur = descriptors.rlim_max;
      ::setrlimit(RLIMIT_NOFILE, &descriptors);
    }
  }
  ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

Status RunInBackground(const std::function<Status(const std::function<void()>&)>& serve) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return FailErrno(errno, "pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return FailErrno(errno, "fork");
  if (child == 0) {
    read_end.Reset();
    RunChild(write_end.get(), serve);
  }
  write_end.Reset();
  return AwaitChild(child, read_end.get());
}

}  // namespace tdefs
