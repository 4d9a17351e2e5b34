#include "http/websocket.h"

#include <bit>
#include <cstring>
#include <span>

namespace remora::http::websocket {
namespace {

// FIPS 180-4 section 6.1. Not for security: the protocol asks for it as a proof that its handshake was read.
std::array<uint8_t, 20> sha1(std::string text) {
  const uint64_t bits = text.size() * 8;
  text += '\x80';
  while (text.size() % 64 != 56) text += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift & 0xff);
  std::array<uint32_t, 5> hash = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t block = 0; block < text.size(); block += 64) {
    std::array<uint32_t, 80> words;
    for (size_t i = 0; i < 80; ++i) {
      words[i] = i < 16 ? 0 : std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
      for (size_t byte = 0; i < 16 && byte < 4; ++byte) {
        words[i] = words[i] << 8 | static_cast<uint8_t>(text[block + i * 4 + byte]);
      }
    }
    auto [a, b, c, d, e] = hash;
    for (size_t i = 0; i < 80; ++i) {
      const uint32_t mix = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                           : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                           : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                    : (b ^ c ^ d) + 0xca62c1d6;
      const uint32_t next = std::rotl(a, 5) + mix + e + words[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d, hash[4] + e};
  }
  std::array<uint8_t, 20> out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

std::string base64(std::span<const uint8_t> bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t left = bytes.size() - at;
    const uint32_t group =
        static_cast<uint32_t>(bytes[at]) << 16 | (left > 1 ? bytes[at + 1] : 0U) << 8 | (left > 2 ? bytes[at + 2] : 0U);
    out += kLetters[group >> 18];
    out += kLetters[group >> 12 & 63];
    out += left > 1 ? kLetters[group >> 6 & 63] : '=';
    out += left > 2 ? kLetters[group & 63] : '=';
  }
  return out;
}

}  // namespace

std::string keyOf(const std::array<uint64_t, 2>& random) {
  std::array<uint8_t, sizeof random> bytes;
  std::memcpy(bytes.data(), random.data(), bytes.size());
  return base64(bytes);
}

std::string acceptFor(std::string_view key) {
  constexpr std::string_view kOfTheProtocol = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
  return base64(sha1(std::string(key).append(kOfTheProtocol)));
}

}  // namespace remora::http::websocket
