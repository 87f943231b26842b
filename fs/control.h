// The control socket of a live mount, <backing>/.tdefs/control.sock: mode 0600, and the peer's uid must be root or the
// daemon's (SO_PEERCRED). One request a connection: a JSON line in, JSON lines out, then the server closes.
//
//   {"command":"status"}            → one object (fs/store_report.h)
//   {"command":"keys-list"}         → one object
//   {"command":"keys-rotate"}       → {"key_id":"…"}
//   {"command":"files","path":P?}   → one object a file, then {"end":true}; P is a file or a directory and what is
//   below an error                        → {"error":{"code":"wrong_key","errno":0,"message":…}}
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/config.h"
#include "fs/statistics.h"
#include "keys/key_manager.h"

namespace tdefs {

inline constexpr size_t kControlRequestBytesMax = 64 << 10;
inline constexpr size_t kControlAnswerLineBytesMax = 4 << 20;
inline constexpr int kControlTimeoutMs = 10'000;        // for the whole request line, and for each write of the answer
inline constexpr int kControlAnswerTimeoutMs = 60'000;  // the client's patience between two lines of the answer
inline constexpr int kControlClientsMax = 4;            // served at a time; others wait for their turn
inline constexpr int kControlBusyTimeoutMs = 200;       // for the request line while others wait
inline constexpr int kControlLongAnswersMax = 3;        // at a time, so that a slow reader never takes the last thread

// Serves in threads of its own until destroyed. Everything in the Subject must outlive it. A socket that a dead daemon
// left behind is replaced, so the caller must hold the store's lock.
class ControlServer {
 public:
  struct Subject {
    KeyManager* keys = nullptr;
    const VolumeStatistics* statistics = nullptr;
    const Config* config = nullptr;
  };
  static Result<std::unique_ptr<ControlServer>> Start(int store_dir_fd, Subject subject);
  ~ControlServer();

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Sends a request (one JSON object) to the mount of this backing directory and passes each line of the answer on.
// kNotMounted if nobody serves. An {"error":…} answer becomes the Error it names.
Status ControlRequest(const std::string& backing_dir, std::string_view request,
                      const std::function<void(std::string_view line)>& on_line);

}  // namespace tdefs
