#include <fcntl.h>
#include <unistd.h>

#include "fs/control.h"
#include "fs/control_answer.h"
#include "fs/control_listener.h"
#include "fs/control_socket.h"

namespace tdefs {

struct ControlServer::Impl {
  UniqueFd store_dir;
  std::unique_ptr<ControlListener> listener;
};

Result<std::unique_ptr<ControlServer>> ControlServer::Start(int store_dir_fd, Subject subject) {
  UniqueFd store_dir(::fcntl(store_dir_fd, F_DUPFD_CLOEXEC, 0));
  if (!store_dir) return FailErrno(errno, "dup of the store directory");
  const auto started = std::chrono::steady_clock::now();
  auto answer = [subject, started](std::string_view request, ControlReply& reply) {
    AnswerControl(subject, started, request, reply);
  };
  UniqueFd listening = TRY(ListenControlSocket(store_dir.get()));
  std::unique_ptr<ControlListener> listener = TRY(ControlListener::Start(std::move(listening), answer));
  auto impl = std::make_unique<Impl>(Impl{std::move(store_dir), std::move(listener)});
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ControlServer::~ControlServer() {
  RemoveControlSocket(impl_->store_dir.get());
  impl_->listener.reset();
}

}  // namespace tdefs
