#include "control/addresses.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/ascii.h"
#include "control/config_error.h"

namespace remora::control {

namespace {

using model::SocketAddress;

constexpr std::string_view kListenExpected =
    "a port such as 8080, an address such as 0.0.0.0:8080 or \"[::]:8080\", or unix:/path";
constexpr std::string_view kEndpointExpected =
    "an address such as 10.0.0.1:8080, a name such as orders.internal:8080, a local port, or unix:/path";

// One byte of sun_path is for the final NUL.
constexpr size_t kLongestUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kLongestHostName = 253;  // RFC 1035 section 2.3.4
constexpr size_t kLongestLabel = 63;

struct IpBytes {
  std::array<uint8_t, 16> bytes{};
  size_t size = 0;
};

std::optional<IpBytes> parseIp(std::string_view text) {
  if (text.empty() || text.size() > INET6_ADDRSTRLEN) return std::nullopt;
  const std::string copy(text);
  IpBytes ip;
  if (inet_pton(AF_INET, copy.c_str(), ip.bytes.data()) == 1) return ip.size = 4, ip;
  if (inet_pton(AF_INET6, copy.c_str(), ip.bytes.data()) == 1) return ip.size = 16, ip;
  return std::nullopt;
}

std::string ipText(const IpBytes& ip) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(ip.size == 4 ? AF_INET : AF_INET6, ip.bytes.data(), text, sizeof text);
  return text;
}

Misspelt wrong(std::string_view text, std::string_view why, std::string_view expected, std::string suggestion = {}) {
  return {quoted(text) + " " + std::string(why), std::string(expected), std::move(suggestion)};
}

std::optional<uint16_t> parsePort(std::string_view text) {
  const std::optional<uint64_t> value = ascii::parseDecimal(text);
  if (!value || *value > 65535) return std::nullopt;
  return static_cast<uint16_t>(*value);
}

Spelt<SocketAddress> parseUnixAddress(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (path.empty() || path == "@") return std::unexpected(wrong(text, "names no socket", "unix:/path or unix:@name"));
  if (path[0] != '/' && path[0] != '@' && path[0] != '.') {
    return std::unexpected(
        wrong(text, "is not a path", "unix:/path or unix:@name", spelling("unix:/" + std::string(path))));
  }
  if (path.size() > kLongestUnixPath) {
    return std::unexpected(wrong(text, "is too long for a Unix socket",
                                 "a path of at most " + std::to_string(kLongestUnixPath) + " bytes"));
  }
  if (path.find('\0') != std::string_view::npos) {
    return std::unexpected(wrong(text, "contains a NUL", "unix:/path or unix:@name"));
  }
  return SocketAddress{SocketAddress::Kind::kUnix, std::string(path), 0};
}

// "srv://_http._tcp.orders.internal"; the two first labels may be missing, where DNS has such names.
Spelt<SocketAddress> parseSrvName(std::string_view text) {
  const std::string_view name = text.substr(6);
  if (isHostName(name)) return SocketAddress{SocketAddress::Kind::kSrv, ascii::toLower(name), 0};
  return std::unexpected(wrong(text, "names no SRV record", "a name such as srv://_http._tcp.orders.internal"));
}

struct HostAndPort {
  std::string_view host;  // without brackets
  std::string_view port;
  bool is_bracketed = false;
};

// "host:port" or "[v6]:port"; nothing when there is no port or the brackets don't fit.
std::optional<HostAndPort> splitHostAndPort(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find("]:");
    if (end == std::string_view::npos) return std::nullopt;
    return HostAndPort{text.substr(1, end - 1), text.substr(end + 2), true};
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(':') != colon) return std::nullopt;
  return HostAndPort{text.substr(0, colon), text.substr(colon + 1), false};
}

// What a text without a readable host and port may have been meant as.
std::string respell(std::string_view text, std::string_view any_host) {
  const size_t colon = text.rfind(':');
  if (parseIp(text)) {
    if (text.find(':') == std::string_view::npos) return std::string(text) + ":8080";
    // "::1:8080" is an IPv6 address by itself; most likely the last part was meant as the port.
    const std::string_view host = text.substr(0, colon);
    if (colon >= 2 && parseIp(host)) return "[" + std::string(host) + "]" + std::string(text.substr(colon));
    return "[" + std::string(text) + "]:8080";
  }
  if (colon == std::string_view::npos || !parsePort(text.substr(colon + 1))) return {};
  const std::string_view host = text.substr(0, colon);
  const std::string port(text.substr(colon));
  if (host.empty() || host == "*") return std::string(any_host) + port;
  if (ascii::equalsIgnoreCase(host, "localhost")) return "127.0.0.1" + port;
  if (parseIp(host)) return "[" + std::string(host) + "]" + port;
  return {};
}

std::string_view withoutScheme(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://", "tcp://", "h2c://"}) {
    if (text.starts_with(scheme)) return text.substr(scheme.size());
  }
  return text;
}

std::optional<Misspelt> refuseScheme(std::string_view text, std::string_view expected) {
  std::string_view bare = withoutScheme(text);
  if (bare.size() == text.size()) return std::nullopt;
  bare = bare.substr(0, bare.find('/'));
  return wrong(text, "is a URL", expected, spelling(std::string(bare)));
}

}  // namespace

Spelt<SocketAddress> parseListenAddress(std::string_view text, std::string_view any_host) {
  if (text.starts_with("unix:")) return parseUnixAddress(text);
  if (text.starts_with("/")) {
    return std::unexpected(wrong(text, "is a path", kListenExpected, spelling("unix:" + std::string(text))));
  }
  if (std::optional<Misspelt> refused = refuseScheme(text, kListenExpected)) return std::unexpected(*refused);
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    const std::optional<uint16_t> port = parsePort(text);
    if (!port) return std::unexpected(wrong(text, "is not a port", "a port from 0 to 65535"));
    return SocketAddress{SocketAddress::Kind::kIp, std::string(any_host), *port};
  }
  const std::optional<HostAndPort> parts = splitHostAndPort(text);
  const std::optional<IpBytes> ip = parts ? parseIp(parts->host) : std::nullopt;
  if (!ip || parts->is_bracketed != (ip->size == 16)) {
    return std::unexpected(wrong(text, "is not an address to listen on", kListenExpected, respell(text, any_host)));
  }
  const std::optional<uint16_t> port = parsePort(parts->port);
  if (!port) {
    return std::unexpected(
        wrong(text, "ends with " + quoted(parts->port) + ", which is not a port", "a port from 0 to 65535"));
  }
  return SocketAddress{SocketAddress::Kind::kIp, ipText(*ip), *port};
}

Spelt<SocketAddress> parseEndpointAddress(std::string_view text) {
  if (text.starts_with("srv://")) return parseSrvName(text);
  if (text.starts_with("unix:")) return parseUnixAddress(text);
  if (text.starts_with("/")) {
    return std::unexpected(wrong(text, "is a path", kEndpointExpected, spelling("unix:" + std::string(text))));
  }
  if (std::optional<Misspelt> refused = refuseScheme(text, kEndpointExpected)) return std::unexpected(*refused);
  std::string_view rest = text;
  const bool is_dns = rest.starts_with("dns:");
  if (is_dns) rest.remove_prefix(4);
  std::optional<HostAndPort> parts = splitHostAndPort(rest);
  if (!is_dns && !rest.empty() && rest.find_first_not_of("0123456789") == std::string_view::npos) {
    parts = HostAndPort{"127.0.0.1", rest, false};
  }
  if (!parts) {
    std::string suggestion = respell(rest, "127.0.0.1");
    if (suggestion.empty() && isHostName(rest)) suggestion = std::string(rest) + ":8080";
    return std::unexpected(wrong(text, "has no port", kEndpointExpected, std::move(suggestion)));
  }
  const std::optional<uint16_t> port = parsePort(parts->port);
  if (!port || *port == 0) {
    return std::unexpected(wrong(text, "has " + quoted(parts->port) + " as its port", "a port from 1 to 65535"));
  }
  if (const std::optional<IpBytes> ip = parseIp(parts->host); ip && !is_dns) {
    if (parts->is_bracketed != (ip->size == 16)) {
      return std::unexpected(wrong(text, "is not an address", kEndpointExpected, respell(text, "127.0.0.1")));
    }
    return SocketAddress{SocketAddress::Kind::kIp, ipText(*ip), *port};
  }
  // A name whose last label is a number is a misspelt IPv4 address, never a name (WHATWG URL, "ends in a number").
  const std::string_view last = parts->host.substr(parts->host.rfind('.') + 1);
  const bool is_number = !last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos;
  if (parts->is_bracketed || !isHostName(parts->host) || is_number) {
    return std::unexpected(wrong(text, is_number ? "is not an IP address" : "is not an address", kEndpointExpected,
                                 respell(text, "127.0.0.1")));
  }
  return SocketAddress{SocketAddress::Kind::kDns, ascii::toLower(parts->host), *port};
}

bool isLoopback(const SocketAddress& address) {
  if (address.kind == SocketAddress::Kind::kUnix) return true;
  if (address.kind != SocketAddress::Kind::kIp) return false;
  const std::optional<IpBytes> ip = parseIp(address.host);
  if (!ip) return false;
  if (ip->size == 4) return ip->bytes[0] == 127;
  IpBytes one;
  one.size = 16;
  one.bytes[15] = 1;
  return ip->bytes == one.bytes;
}

bool isIpAddress(std::string_view text) {
  return parseIp(text).has_value();
}

bool isHostName(std::string_view text) {
  if (text.empty() || text.size() > kLongestHostName) return false;
  size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    if (!ascii::isAlpha(c) && !ascii::isDigit(c) && c != '-' && c != '_') return false;
    if (++label > kLongestLabel) return false;
  }
  return label != 0;
}

Spelt<Network> parseNetwork(std::string_view text) {
  constexpr std::string_view kExpected = "a network such as 10.0.0.0/8 or \"fd00::/8\", or an IP address";
  const size_t slash = text.find('/');
  std::optional<IpBytes> ip = parseIp(text.substr(0, slash));
  if (!ip) return std::unexpected(wrong(text, "is not a network", kExpected));
  const uint64_t longest = ip->size * 8;
  uint64_t prefix = longest;
  if (slash != std::string_view::npos) {
    const std::optional<uint64_t> given = ascii::parseDecimal(text.substr(slash + 1));
    if (!given || *given > longest) {
      return std::unexpected(wrong(text, "has a wrong prefix length", "a length from 0 to " + std::to_string(longest)));
    }
    prefix = *given;
  }
  Network network;
  for (uint64_t bit = prefix; bit < longest; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    if ((ip->bytes[bit / 8] & mask) != 0) network.had_host_bits = true;
    ip->bytes[bit / 8] &= static_cast<uint8_t>(~mask);
  }
  network.text = ipText(*ip) + "/" + std::to_string(prefix);
  return network;
}

}  // namespace remora::control
