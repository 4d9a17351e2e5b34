#include "net/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/ascii.h"

namespace remora::net {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// inet_ntop costs 150 ns for IPv4; every exchange prints its peer.
char* printIp4(const uint8_t* ip, char* out) {
  for (int i = 0; i < 4; ++i) {
    if (i) *out++ = '.';
    out = std::to_chars(out, out + 3, ip[i]).ptr;
  }
  return out;
}

char* printIpBytes(const Peer& peer, char* out) {
  if (peer.ip_bytes == 4) return printIp4(peer.ip.data(), out);
  inet_ntop(AF_INET6, peer.ip.data(), out, INET6_ADDRSTRLEN);
  return out + std::strlen(out);
}

}  // namespace

bool Peer::isLoopback() const {
  if (ip_bytes == 0) return true;
  if (ip_bytes == 4) return ip[0] == 127;
  for (size_t i = 0; i < 15; ++i) {
    if (ip[i]) return false;
  }
  return ip[15] == 1;
}

size_t printPeer(const Peer& peer, std::span<char, kPeerTextMax> out) {
  char* at = out.data();
  if (peer.ip_bytes == 0) {
    std::memcpy(at, "unix", 4);
    return 4;
  }
  if (peer.ip_bytes == 16) *at++ = '[';
  at = printIpBytes(peer, at);
  if (peer.ip_bytes == 16) *at++ = ']';
  *at++ = ':';
  return static_cast<size_t>(std::to_chars(at, out.data() + out.size(), peer.port).ptr - out.data());
}

size_t printIp(const Peer& peer, std::span<char, kPeerTextMax> out) {
  if (peer.ip_bytes == 0) return printPeer(peer, out);
  return static_cast<size_t>(printIpBytes(peer, out.data()) - out.data());
}

Peer peerOf(const sockaddr* address) {
  Peer peer;
  if (address->sa_family == AF_INET) {
    const auto* ip4 = reinterpret_cast<const sockaddr_in*>(address);
    std::memcpy(peer.ip.data(), &ip4->sin_addr, 4);
    peer.ip_bytes = 4;
    peer.port = ntohs(ip4->sin_port);
  } else if (address->sa_family == AF_INET6) {
    const auto* ip6 = reinterpret_cast<const sockaddr_in6*>(address);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&ip6->sin6_addr);
    const bool mapped = std::memcmp(bytes, kMappedPrefix.data(), kMappedPrefix.size()) == 0;
    peer.ip_bytes = mapped ? 4 : 16;
    std::memcpy(peer.ip.data(), mapped ? bytes + 12 : bytes, peer.ip_bytes);
    peer.port = ntohs(ip6->sin6_port);
  }
  return peer;
}

std::optional<Peer> parsePeer(std::string_view text) {
  Peer peer;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    if (end + 1 < text.size()) {
      if (text[end + 1] != ':') return std::nullopt;
      port = text.substr(end + 2);
      has_port = true;
    }
    text = text.substr(1, end - 1);
    if (text.find(':') == std::string_view::npos) return std::nullopt;  // RFC 3986 section 3.2.2: brackets are IPv6's
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    port = text.substr(colon + 1);
    has_port = true;
    text = text.substr(0, colon);
  }
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  const bool is_v6 = text.find(':') != std::string_view::npos;
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, buffer, peer.ip.data()) != 1) return std::nullopt;
  peer.ip_bytes = is_v6 ? 16 : 4;
  if (is_v6 && std::memcmp(peer.ip.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0) {
    // As peerOf does, so that both say the same of one address.
    Peer ip4;
    std::memcpy(ip4.ip.data(), peer.ip.data() + kMappedPrefix.size(), 4);
    ip4.ip_bytes = 4;
    peer = ip4;
  }
  if (has_port) {
    const auto number = ascii::parseDecimal(port);
    if (!number || *number > 65535) return std::nullopt;
    peer.port = static_cast<uint16_t>(*number);
  }
  return peer;
}

Address Address::of(const Peer& peer) {
  Address address;
  if (peer.ip_bytes == 4) {
    address.storage_.ip4.sin_family = AF_INET;
    address.storage_.ip4.sin_port = htons(peer.port);
    std::memcpy(&address.storage_.ip4.sin_addr, peer.ip.data(), 4);
    address.length_ = sizeof(sockaddr_in);
  } else {
    address.storage_.ip6.sin6_family = AF_INET6;
    address.storage_.ip6.sin6_port = htons(peer.port);
    std::memcpy(&address.storage_.ip6.sin6_addr, peer.ip.data(), 16);
    address.length_ = sizeof(sockaddr_in6);
  }
  return address;
}

std::optional<Address> Address::of(const model::SocketAddress& from) {
  using Kind = model::SocketAddress::Kind;
  if (from.kind == Kind::kDns || from.kind == Kind::kSrv) return std::nullopt;
  if (from.kind == model::SocketAddress::Kind::kIp) {
    auto peer = parsePeer(from.host.find(':') != std::string::npos ? "[" + from.host + "]" : from.host);
    if (!peer) return std::nullopt;
    peer->port = from.port;
    return of(*peer);
  }
  Address address;
  sockaddr_un& to = address.storage_.unix_path;
  if (from.host.empty() || from.host.size() >= sizeof to.sun_path) return std::nullopt;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, from.host.data(), from.host.size());
  const bool is_abstract = from.host[0] == '@';
  if (is_abstract) to.sun_path[0] = 0;
  address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + from.host.size() + (is_abstract ? 0 : 1));
  return address;
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(storage_.ip4.sin_port);
  return family() == AF_INET6 ? ntohs(storage_.ip6.sin6_port) : 0;
}

bool Address::isLoopback() const {
  return isUnix() || peerOf(get()).isLoopback();
}

std::string Address::text() const {
  if (!isUnix()) {
    char text[kPeerTextMax];
    return {text, printPeer(peerOf(get()), text)};
  }
  const char* path = storage_.unix_path.sun_path;
  const size_t bytes = length_ - offsetof(sockaddr_un, sun_path);
  if (path[0] == 0) return "unix:@" + std::string(path + 1, bytes - 1);
  return "unix:" + std::string(path);
}

bool Address::operator==(const Address& other) const {
  return length_ == other.length_ && std::memcmp(&storage_, &other.storage_, length_) == 0;
}

}  // namespace remora::net
