// What a field of HTTP/2 may consist of (RFC 9113 section 8.2.1), as strict as the parser of HTTP/1, because it may be
// forwarded as HTTP/1. Pure; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ascii.h"
#include "http/headers.h"

namespace remora::http {

namespace detail {
inline constexpr std::array<bool, 256> kFieldNameChars = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < table.size(); ++c) {
    table[c] = ascii::isTokenChar(static_cast<char>(c)) && !(c >= 'A' && c <= 'Z');
  }
  return table;
}();
}  // namespace detail

// A token in lower case.
constexpr bool isFieldName(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return detail::kFieldNameChars[static_cast<uint8_t>(c)]; });
}

constexpr bool isFieldValueChar(char c) {
  return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
}

// A tab is the only control in it, and no blank stands at either end.
inline bool isFieldValue(std::string_view value) {
  if (value.empty()) return true;
  if (ascii::isBlank(value.front()) || ascii::isBlank(value.back())) return false;
  // Words at a time: a byte below 0x20, or 0x7f, leaves its top bit set. What borrows from a neighbour is only looked
  // at more closely for nothing.
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kTops = 0x8080808080808080ULL;
  size_t at = 0;
  for (; at + 8 <= value.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, value.data() + at, sizeof word);
    const uint64_t low = (word - kOnes * 0x20) & ~word & kTops;
    const uint64_t del = word ^ kOnes * 0x7f;
    const uint64_t is_del = (del - kOnes) & ~del & kTops;
    if ((low | is_del) != 0 && !std::ranges::all_of(value.substr(at, 8), isFieldValueChar)) return false;
  }
  return std::ranges::all_of(value.substr(at), isFieldValueChar);
}

// RFC 9113 section 8.2.2: what speaks of the connection has no meaning here, and another one behind us.
constexpr bool mayStandInHttp2(HeaderId id, std::string_view value) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kHttp2Settings:
      return false;
    case HeaderId::kTe:
      return ascii::equalsIgnoreCase(value, "trailers");
    default:
      return true;
  }
}

}  // namespace remora::http
