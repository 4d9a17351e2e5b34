// What routing reads of a request, and how it takes headers, query and cookies apart. Views only; pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/ascii.h"
#include "http/headers.h"

namespace remora::route {

struct RouteInput {
  std::string_view host;   // lower case, without port; empty when the request names none
  std::string_view path;   // normalised (http/path.h), or "*"
  std::string_view query;  // as received, without '?'
  std::string_view method;
  const http::Headers* headers = nullptr;  // null counts as no headers
  std::span<const uint8_t> source;         // 4 or 16 bytes in network order; empty for a Unix socket
};

// Each of these calls visit(value) until it returns true, and then returns true itself; else false.

// Every field of that name by itself: joining the values of several fields with ", " has let requests pass rules that
// each value alone would not (THREATS 26). With an id other than kOther the name isn't looked at.
template <class Visit>
bool anyHeaderValue(const RouteInput& input, http::HeaderId id, std::string_view name, Visit visit) {
  if (input.headers == nullptr) return false;
  for (const http::Field& field : *input.headers) {
    const bool is_named = id == http::HeaderId::kOther ? ascii::equalsIgnoreCase(field.name, name) : field.id == id;
    if (is_named && visit(field.value)) return true;
  }
  return false;
}

// "a=1&b&a=2": key and value are compared as received, without decoding %XX or '+', and only '&' separates. A key
// without '=' has an empty value.
template <class Visit>
bool anyQueryValue(const RouteInput& input, std::string_view key, Visit visit) {
  std::string_view rest = input.query;
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    if (pair.starts_with(key) && (pair.size() == key.size() || pair[key.size()] == '=')) {
      if (visit(pair.substr(pair.size() == key.size() ? key.size() : key.size() + 1))) return true;
    }
    if (end == std::string_view::npos) return false;
    rest.remove_prefix(end + 1);
  }
  return false;
}

// The pairs of every Cookie field (RFC 6265 section 4.2), names case-sensitive, quotes around a value kept. A pair
// without '=' is no cookie.
template <class Visit>
bool anyCookieValue(const RouteInput& input, std::string_view name, Visit visit) {
  return anyHeaderValue(input, http::HeaderId::kCookie, {}, [&](std::string_view rest) {
    while (!rest.empty()) {
      const size_t end = rest.find(';');
      const std::string_view pair = ascii::trim(rest.substr(0, end));
      const size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name && visit(pair.substr(equals + 1))) {
        return true;
      }
      if (end == std::string_view::npos) return false;
      rest.remove_prefix(end + 1);
    }
    return false;
  });
}

}  // namespace remora::route
