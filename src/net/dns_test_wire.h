// What DNS says on the wire (RFC 1035 section 4). Only for tests.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace remora::net::test {

inline std::string u16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string encodeName(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

}  // namespace remora::net::test
