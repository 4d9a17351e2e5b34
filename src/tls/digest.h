// What the library computes and others need besides TLS. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace remora::tls {

std::string base64(std::span<const uint8_t> bytes);
// In base64. Not for security: protocols ask for it as a proof that something was read.
std::string sha1Base64(std::string_view text);
// The same, in lower-case hex.
std::string sha1Hex(std::string_view text);
std::string sha256Hex(std::string_view text);

}  // namespace remora::tls
