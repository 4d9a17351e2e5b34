// Who may ask the admin side: what keeps a web page in somebody's browser from reading or steering it. Loopback is no
// protection by itself, since browsers on this machine reach it too. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/message.h"

namespace remora::admin {

enum class Guard : uint8_t {
  kLoopback,  // TCP on loopback: only names that no DNS answer can point here
  kNone,      // a Unix socket, or an address that the user made public on purpose
};

// Why the request is refused (403), or nothing.
std::optional<std::string> refuseStranger(const http::Request& request, Guard guard);

}  // namespace remora::admin
