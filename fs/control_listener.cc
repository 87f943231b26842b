#include "fs/control_listener.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/log.h"
#include "fs/control.h"
#include "fs/control_json.h"

namespace tdefs {
namespace {

constexpr size_t kReplyChunkBytes = 64 << 10;
constexpr std::chrono::milliseconds kTimeout{kControlTimeoutMs};

// Signals are for the threads that wait for them: ours are started with all blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Status ControlReply::Send(std::string_view line) {
  pending_.append(line).push_back('\n');
  if (pending_.size() < kReplyChunkBytes) return {};
  if (!is_long_) {
    is_long_ = true;
    if (++long_answers_ > kControlLongAnswersMax) {
      pending_.clear();
      return Fail(ErrorCode::kLimit, fmt::format("control socket: {} long answers are being read already, at most {}",
                                                 kControlLongAnswersMax, kControlLongAnswersMax));
    }
  }
  return Flush();
}

Status ControlReply::Flush() {
  const std::string chunk = std::exchange(pending_, {});
  return stream_.Write(chunk, kTimeout);
}

Result<std::unique_ptr<ControlListener>> ControlListener::Start(UniqueFd listening, ControlHandler handler) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return FailErrno(errno, "eventfd of the control socket");
  std::unique_ptr<ControlListener> listener(
      new ControlListener(std::move(listening), std::move(stop), std::move(handler)));
  const SignalsBlocked blocked;
  try {
    for (int i = 0; i < kControlClientsMax; ++i)
      listener->threads_.emplace_back([raw = listener.get()] { raw->Run(); });
  } catch (const std::system_error& error) {
    return FailErrno(error.code().value(), "thread of the control socket");
  }
  return listener;
}

ControlListener::~ControlListener() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its limit.
  (void)!::write(stop_.get(), &one, sizeof(one));
  for (std::thread& thread : threads_) thread.join();
}

void ControlListener::Run() {
  while (true) {
    std::array<pollfd, 2> polled = {pollfd{listening_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
      Log(LogLevel::kWarn, "control socket: a client cannot be accepted: {}", strerrordesc_np(errno));
      ::poll(&polled[1], 1, 1000);  // the client stays in the queue; do not spin on it
    }
    if (!client) continue;  // another thread took it
    try {
      Serve(client.get());
    } catch (const std::exception& error) {  // out of memory: this client only
      Log(LogLevel::kWarn, "control socket: request dropped: {}", error.what());
    }
  }
}

bool ControlListener::OthersWait() const {
  pollfd waiting{listening_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

Result<std::optional<std::string>> ControlListener::ReadRequest(LineStream& stream) const {
  constexpr std::chrono::milliseconds kStep{kControlBusyTimeoutMs};
  for (auto left = kTimeout; left > kStep; left -= kStep) {
    auto request = stream.Read(kControlRequestBytesMax, kStep);
    if (request || request.error().sys_errno != ETIMEDOUT || OthersWait()) return request;
  }
  return stream.Read(kControlRequestBytesMax, kStep);
}

void ControlListener::Serve(int client_fd) {
  LineStream stream(client_fd, stop_.get());
  ControlReply reply(stream, long_answers_);
  if (!IsPeerAllowed(client_fd)) {
    const Error refusal{ErrorCode::kSystem, EACCES, "control socket: only root and the owner of the mount may ask"};
    (void)reply.Send(EncodeJson(ErrorJson(refusal)));
    (void)reply.Flush();
    return;
  }
  Result<std::optional<std::string>> request = ReadRequest(stream);
  if (!request) {
    (void)reply.Send(EncodeJson(ErrorJson(request.error())));
  } else if (*request) {
    handler_(**request, reply);
  }
  (void)reply.Flush();
}

}  // namespace tdefs
