// The URL of a question, taken apart as a client would before it sends a request. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace remora::admin {

struct AskedUrl {
  std::string scheme;     // empty for a path only
  std::string authority;  // with its port; empty for a path only
  std::string hostname;   // lower case, without port; brackets kept
  uint16_t port = 0;      // 0: none given
  std::string target;     // path and query, "*" included
  bool had_fragment = false;
};

// The error is a sentence.
std::expected<AskedUrl, std::string> takeApart(std::string_view url);

// "orders:8080" -> name and port (0 without one). The name in lower case.
std::pair<std::string, uint16_t> splitAuthority(std::string_view authority);

}  // namespace remora::admin
