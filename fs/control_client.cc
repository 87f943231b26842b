#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "base/file_io.h"
#include "fs/control.h"
#include "fs/control_json.h"
#include "fs/control_socket.h"
#include "keys/store_id.h"

namespace tdefs {

Status ControlRequest(const std::string& backing_dir, std::string_view request,
                      const std::function<void(std::string_view line)>& on_line) {
  constexpr std::chrono::milliseconds kSendTimeout{kControlTimeoutMs}, kAnswerTimeout{kControlAnswerTimeoutMs};
  const std::string store_dir = backing_dir + "/" + kStoreDirName;
  Result<UniqueFd> dir = OpenAt(AT_FDCWD, store_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!dir && dir.error().sys_errno == ENOENT) return Fail(ErrorCode::kNotMounted, store_dir + ": no such directory");
  if (!dir) return std::unexpected(std::move(dir).error());

  UniqueFd socket = TRY(ConnectControlSocket(dir->get()));
  LineStream stream(socket.get(), -1);
  TRY(stream.Write(std::string(request) + "\n", kSendTimeout));
  for (bool answered = false;; answered = true) {
    std::optional<std::string> line = TRY(stream.Read(kControlAnswerLineBytesMax, kAnswerTimeout));
    if (!line) return answered ? Status() : FailErrno(ECONNRESET, "control socket: the daemon gave no answer");
    if (line->starts_with("{\"error\":")) {
      std::optional<Json> json = DecodeJson(*line);
      std::optional<Error> error = json ? ErrorFromJson(*json) : std::nullopt;
      if (error) return std::unexpected(*std::move(error));
    }
    on_line(*line);
  }
}

}  // namespace tdefs
