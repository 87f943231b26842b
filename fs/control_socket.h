// The control socket as a place and as a stream of lines: everything that knows of sockets, nothing of commands.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace tdefs {

// A listening, non-blocking socket at <store dir>/control.sock, mode 0600; replaces what stands there. The path goes
// through /proc/self/fd, since a socket's address holds 108 bytes and a backing directory may be longer.
Result<UniqueFd> ListenControlSocket(int store_dir_fd);
void RemoveControlSocket(int store_dir_fd);
// kNotMounted if there is no socket or nobody listens.
Result<UniqueFd> ConnectControlSocket(int store_dir_fd);
// True if the process at the other end runs as root or as our user (SO_PEERCRED).
bool IsPeerAllowed(int socket_fd);

// Reads and writes lines with deadlines; gives up with ECANCELED as soon as `stop_fd` is readable (-1: never). Does not
// own the descriptors, which must be non-blocking.
class LineStream {
 public:
  LineStream(int socket_fd, int stop_fd) : socket_fd_(socket_fd), stop_fd_(stop_fd) {}

  // The next line without its newline; nothing at the end of the stream. kLimit for a line above `bytes_max`,
  // kSystem/ETIMEDOUT if it is not whole in time; a last line without newline is kCorrupt.
  Result<std::optional<std::string>> Read(size_t bytes_max, std::chrono::milliseconds timeout);
  Status Write(std::string_view bytes, std::chrono::milliseconds timeout);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  Status Wait(short events, Deadline deadline) const;
  std::optional<std::string> TakeLine();

  int socket_fd_, stop_fd_;
  std::string pending_;
};

}  // namespace tdefs
