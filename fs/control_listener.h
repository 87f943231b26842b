// ControlListener: accepts connections on the control socket, reads one request line from each and hands it to a
// handler. Knows peers, limits and threads, nothing of commands.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "fs/control_socket.h"

namespace tdefs {

// The answer to one request: lines, collected into larger writes.
class ControlReply {
 public:
  // `long_answers` counts the answers that are more than one write, of all clients.
  ControlReply(LineStream& stream, std::atomic<int>& long_answers) : stream_(stream), long_answers_(long_answers) {}
  ~ControlReply() {
    if (is_long_) --long_answers_;
  }
  ControlReply(const ControlReply&) = delete;
  ControlReply& operator=(const ControlReply&) = delete;

  // A failure means that the client is gone or too slow, that there are enough long answers already (kLimit), or that
  // the server stops: the handler should return.
  Status Send(std::string_view line);
  Status Flush();

 private:
  LineStream& stream_;
  std::atomic<int>& long_answers_;
  bool is_long_ = false;  // counted in it
  std::string pending_;
};

using ControlHandler = std::function<void(std::string_view request, ControlReply& reply)>;

class ControlListener {
 public:
  // Requires: `listening` came from ListenControlSocket. The handler is called from several threads at a time.
  static Result<std::unique_ptr<ControlListener>> Start(UniqueFd listening, ControlHandler handler);
  // Breaks off what is being answered, and joins.
  ~ControlListener();

 private:
  ControlListener(UniqueFd listening, UniqueFd stop, ControlHandler handler)
      : listening_(std::move(listening)), stop_(std::move(stop)), handler_(std::move(handler)) {}
  void Run();
  void Serve(int client_fd);
  // The request line. While others wait, a client that dawdles has to make room.
  Result<std::optional<std::string>> ReadRequest(LineStream& stream) const;
  bool OthersWait() const;

  UniqueFd listening_, stop_;
  ControlHandler handler_;
  std::atomic<int> long_answers_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace tdefs
