// The control socket of a live mount, <backing>/.tdefs/control.sock: mode 0600, and the peer's uid must be root or the
// daemon's (SO_PEERCRED). One request a connection: a JSON line in, JSON lines out, then the server closes.
//
//   {"command":"status"}            → one object
//   {"command":"keys-list"}         → one object
//   {"command":"keys-rotate"}       → {"key_id":…}
//   {"command":"files","path":P?}   → one object a file, then {"end":true}
//   an error                        → {"error":{"code":"wrong_key","message":…}}
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
inline constexpr int kControlTimeoutMs = 10'000;  // for the whole request line, and for each write of the answer
inline constexpr int kControlClientsMax = 8;

// Serves in threads of its own until destroyed. `keys` and `statistics` must outlive it.
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
