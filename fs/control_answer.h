// The commands of the control socket: one request line in, JSON lines out.
#pragma once

#include <chrono>
#include <string_view>

#include "fs/control.h"
#include "fs/control_listener.h"

namespace tdefs {

// Answers one request: every command of fs/control.h, or an error. Thread-safe.
void AnswerControl(const ControlServer::Subject& subject, std::chrono::steady_clock::time_point started,
                   std::string_view request, ControlReply& reply);

}  // namespace tdefs
