#include "fs/control_socket.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "keys/store_id.h"

namespace tdefs {
namespace {

constexpr int kBacklog = 64;

sockaddr_un AddressIn(int store_dir_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Not format_to_n: clang 19 looks for it in libfmt under another name than GCC gave it.
  fmt::format("/proc/self/fd/{}/{}", store_dir_fd, kControlSocketName)
      .copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

Result<UniqueFd> NewSocket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return FailErrno(errno, "control socket");
  return fd;
}

}  // namespace

Result<UniqueFd> ListenControlSocket(int store_dir_fd) {
  UniqueFd fd = TRY(NewSocket());
  RemoveControlSocket(store_dir_fd);
  const sockaddr_un address = AddressIn(store_dir_fd);
  // The mode of the descriptor is the mode that bind() makes the file with: it is never open to others.
  if (::fchmod(fd.get(), 0600) != 0) return FailErrno(errno, "chmod of the control socket");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return FailErrno(errno, "bind of the control socket");
  }
  if (::listen(fd.get(), kBacklog) != 0) return FailErrno(errno, "listen on the control socket");
  return fd;
}

void RemoveControlSocket(int store_dir_fd) {
  ::unlinkat(store_dir_fd, kControlSocketName, 0);
}

Result<UniqueFd> ConnectControlSocket(int store_dir_fd) {
  UniqueFd fd = TRY(NewSocket());
  const sockaddr_un address = AddressIn(store_dir_fd);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED) return Fail(ErrorCode::kNotMounted, "nobody serves the control socket");
  return FailErrno(errno, "connect to the control socket");
}

bool IsPeerAllowed(int socket_fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

Status LineStream::Wait(short events, Deadline deadline) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return FailErrno(ETIMEDOUT, "control socket");
    std::array<pollfd, 2> polled = {pollfd{socket_fd_, events, 0}, pollfd{stop_fd_, POLLIN, 0}};
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return FailErrno(errno, "poll of the control socket");
    if (ready <= 0) continue;
    if (polled[1].revents != 0) return FailErrno(ECANCELED, "control socket");
    return {};
  }
}

std::optional<std::string> LineStream::TakeLine() {
  const size_t end = pending_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  return line;
}

Result<std::optional<std::string>> LineStream::Read(size_t bytes_max, std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::optional<std::string> line = TakeLine();
    if ((line ? line->size() : pending_.size()) > bytes_max) {
      return Fail(ErrorCode::kLimit, fmt::format("control socket: a line of more than {} bytes", bytes_max));
    }
    if (line) return line;
    std::array<char, 16 << 10> buffer;
    const ssize_t size = ::recv(socket_fd_, buffer.data(), buffer.size(), 0);
    if (size > 0) {
      pending_.append(buffer.data(), static_cast<size_t>(size));
    } else if (size == 0) {
      if (pending_.empty()) return std::optional<std::string>();
      return Fail(ErrorCode::kCorrupt, "control socket: the last line is not whole");
    } else if (errno == EAGAIN) {
      TRY(Wait(POLLIN, deadline));
    } else if (errno != EINTR) {
      return FailErrno(errno, "read from the control socket");
    }
  }
}

Status LineStream::Write(std::string_view bytes, std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      TRY(Wait(POLLOUT, deadline));
    } else if (errno != EINTR) {
      return FailErrno(errno, "write to the control socket");
    }
  }
  return {};
}

}  // namespace tdefs
