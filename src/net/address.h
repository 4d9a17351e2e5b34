// Socket addresses: IPv4, IPv6 and Unix, parsed from and printed as text. Values; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/listener.h"

namespace remora::net {

// Who is at the other end, in 20 bytes: kept for each connection, so a sockaddr would be too large.
struct Peer {
  std::array<uint8_t, 16> ip{};
  uint16_t port = 0;
  uint8_t ip_bytes = 0;  // 4, 16, or 0 for a Unix socket

  bool operator==(const Peer&) const = default;
  std::span<const uint8_t> ipSpan() const { return {ip.data(), ip_bytes}; }
  bool isLoopback() const;
};

// Longest text that printPeer writes: "[" + 45 + "]:65535".
inline constexpr size_t kPeerTextMax = 56;
// "10.0.0.7:41822", "[::1]:80" or "unix"; returns how many bytes of `out` were written. No allocation.
size_t printPeer(const Peer& peer, std::span<char, kPeerTextMax> out);
// The address without its port: "10.0.0.7", "::1" or "unix".
size_t printIp(const Peer& peer, std::span<char, kPeerTextMax> out);
// IPv4 inside IPv6 (::ffff:a.b.c.d) counts as IPv4.
Peer peerOf(const sockaddr* address);
// An IP address, with or without port or brackets; nothing for anything else.
std::optional<Peer> parsePeer(std::string_view text);

class Address {
 public:
  Address() = default;
  // Nothing for a name that needs DNS, an invalid address or a path that is too long.
  static std::optional<Address> of(const model::SocketAddress& address);
  static Address of(const Peer& peer);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  int family() const { return storage_.ip4.sin_family; }
  bool isUnix() const { return family() == AF_UNIX; }
  uint16_t port() const;
  bool isLoopback() const;   // true for Unix sockets too
  std::string text() const;  // as model::toText
  bool operator==(const Address& other) const;

 private:
  union Storage {
    sockaddr_in ip4;
    sockaddr_in6 ip6;
    sockaddr_un unix_path;
    Storage() : unix_path{} {}
  };
  Storage storage_;
  socklen_t length_ = 0;
};

}  // namespace remora::net
