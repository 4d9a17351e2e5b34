#include "http/websocket.h"

#include <cstring>

#include "tls/digest.h"

namespace remora::http::websocket {

std::string keyOf(const std::array<uint64_t, 2>& random) {
  std::array<uint8_t, sizeof random> bytes;
  std::memcpy(bytes.data(), random.data(), bytes.size());
  return tls::base64(bytes);
}

std::string acceptFor(std::string_view key) {
  constexpr std::string_view kOfTheProtocol = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
  return tls::sha1Base64(std::string(key).append(kOfTheProtocol));
}

}  // namespace remora::http::websocket
