// The proof of RFC 6455 that a WebSocket server read the handshake, which HTTP/2 does without (RFC 8441): it is made
// and checked where one side speaks HTTP/1 and the other HTTP/2. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace remora::http::websocket {

// Of a Sec-WebSocket-Key field: 16 random bytes in base64.
std::string keyOf(const std::array<uint64_t, 2>& random);
// What Sec-WebSocket-Accept must say for that key.
std::string acceptFor(std::string_view key);

}  // namespace remora::http::websocket
