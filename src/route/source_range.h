// A CIDR that a source address must lie in. IPv4 addresses mapped into IPv6 (::ffff:10.0.0.1, as a dual-stack socket
// reports them) count as IPv4. Pure values; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace remora::route {

class SourceRange {
 public:
  // "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix are ignored.
  static std::expected<SourceRange, std::string> parse(const std::string& cidr);

  // `address`: 4 or 16 bytes in network order. Nothing else, and so no Unix socket, lies in any range.
  bool contains(std::span<const uint8_t> address) const;

 private:
  std::array<uint8_t, 16> network_{};
  uint8_t size_ = 0;  // 4 or 16
  uint8_t prefix_ = 0;
};

// "10.0.0.1", "2001:db8::1", or "a Unix socket" when empty.
std::string addressText(std::span<const uint8_t> address);

}  // namespace remora::route
