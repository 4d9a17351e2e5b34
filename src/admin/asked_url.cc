#include "admin/asked_url.h"

#include <tuple>

#include "admin/words.h"
#include "base/ascii.h"

namespace remora::admin {

std::pair<std::string, uint16_t> splitAuthority(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return {ascii::toLower(authority), 0};
  }
  const auto port = ascii::parseDecimal(authority.substr(colon + 1));
  return {ascii::toLower(authority.substr(0, colon)), port && *port <= 65535 ? static_cast<uint16_t>(*port) : 0};
}

std::expected<AskedUrl, std::string> takeApart(std::string_view url) {
  AskedUrl parts;
  const size_t fragment = url.find('#');
  parts.had_fragment = fragment != std::string_view::npos;
  url = url.substr(0, fragment);
  if (url.empty()) return std::unexpected("name a URL, such as http://orders/v2/items or /v2/items");
  if (url[0] == '/' || url == "*") {
    parts.target = url;
    return parts;
  }
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) {
    return std::unexpected("'" + shown(url) + "' is neither a path that begins with / nor a URL; did you mean http://" +
                           shown(url) + "?");
  }
  parts.scheme = ascii::toLower(url.substr(0, scheme_end));
  if (parts.scheme != "http" && parts.scheme != "https") {
    return std::unexpected("the scheme " + shown(parts.scheme) + " isn't served; use http://");
  }
  url.remove_prefix(scheme_end + 3);
  parts.authority = url.substr(0, url.find_first_of("/?"));
  url.remove_prefix(parts.authority.size());
  if (parts.authority.find('@') != std::string::npos) {
    return std::unexpected("the URL holds a user name; clients send it as an Authorization header instead");
  }
  if (parts.authority.empty()) return std::unexpected("the URL names no host");
  std::tie(parts.hostname, parts.port) = splitAuthority(parts.authority);
  parts.target = url.starts_with('/') ? std::string(url) : "/" + std::string(url);
  return parts;
}

}  // namespace remora::admin
