#include "route/source_range.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/ascii.h"

namespace remora::route {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::span<const uint8_t> unmapped(std::span<const uint8_t> address) {
  const bool is_mapped = address.size() == 16 && std::ranges::equal(address.first(12), kMappedPrefix);
  return is_mapped ? address.subspan(12) : address;
}

}  // namespace

std::expected<SourceRange, std::string> SourceRange::parse(const std::string& cidr) {
  const auto refuse = [&] {
    return std::unexpected("'" + cidr + "' isn't an address range like 10.0.0.0/8, 2001:db8::/32 or 10.0.0.1");
  };
  const size_t slash = cidr.find('/');
  const std::string address = cidr.substr(0, slash);
  std::array<uint8_t, 16> bytes{};
  size_t size = 4;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) != 1) {
    size = 16;
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return refuse();
  }
  uint64_t prefix = size * 8;
  if (slash != std::string::npos) {
    const auto number = ascii::parseDecimal(std::string_view(cidr).substr(slash + 1));
    if (!number || *number > size * 8) return refuse();
    prefix = *number;
  }
  SourceRange range;
  const std::span<const uint8_t> network = unmapped(std::span(bytes).first(size));
  if (network.size() != size) {  // "::ffff:10.0.0.0/104" means 10.0.0.0/8
    if (prefix < 96) return refuse();
    prefix -= 96;
  }
  std::ranges::copy(network, range.network_.begin());
  range.size_ = static_cast<uint8_t>(network.size());
  range.prefix_ = static_cast<uint8_t>(prefix);
  return range;
}

bool SourceRange::contains(std::span<const uint8_t> address) const {
  address = unmapped(address);
  if (address.size() != size_) return false;
  const size_t whole = prefix_ / 8;
  if (!std::equal(network_.begin(), network_.begin() + whole, address.begin())) return false;
  const unsigned rest = prefix_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return ((network_[whole] ^ address[whole]) & mask) == 0;
}

std::string addressText(std::span<const uint8_t> address) {
  address = unmapped(address);
  if (address.size() != 4 && address.size() != 16) return "a Unix socket";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.size() == 4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

}  // namespace remora::route
