// What a DNS message says about where a service runs (SRV, RFC 2782). A pure parser of bytes from the network; any
// thread.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace remora::net {

struct SrvRecord {
  uint16_t priority = 0;  // lower is preferred
  std::string target;     // a host name in lower case, without a final dot
  uint16_t port = 0;
  uint16_t weight = 0;

  auto operator<=>(const SrvRecord&) const = default;
};

struct SrvAnswer {
  std::vector<SrvRecord> records;  // sorted, each once; at most kMostSrvRecords
  std::chrono::seconds ttl{0};     // the smallest, aliases on the way included
};

// Each becomes a name to be asked for, and state on every core.
inline constexpr size_t kMostSrvRecords = 256;

// The error is a sentence. A target that is no host name, "." (RFC 2782: not offered here) or has port 0 is left out;
// with nothing left that is the error.
std::expected<SrvAnswer, std::string> parseSrvAnswer(std::span<const uint8_t> message);

}  // namespace remora::net
