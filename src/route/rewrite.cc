#include "route/rewrite.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/check.h"

namespace remora::route {
namespace {

std::string_view withQuestionMark(std::string_view raw_path) {
  return raw_path.substr(std::min(raw_path.find('?'), raw_path.size()));
}

struct Authority {
  std::string_view host;  // with the brackets of an IPv6 address
  std::string_view port;
};

Authority splitAuthority(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {authority, {}};
  return {authority.substr(0, colon), authority.substr(colon + 1)};
}

std::string_view defaultPort(std::string_view scheme) {
  return ascii::equalsIgnoreCase(scheme, "https") ? "443" : "80";
}

void appendOrigin(const model::Redirect& redirect, const RedirectInput& input, BoundedText& out) {
  const std::string_view scheme = redirect.scheme ? std::string_view(*redirect.scheme) : input.scheme;
  Authority authority = splitAuthority(redirect.host ? std::string_view(*redirect.host) : input.host);
  // A port belongs to its scheme: "http://a:8080" redirected to https is https://a, not https://a:8080.
  if (redirect.scheme && !redirect.host) authority.port = {};
  std::array<char, 5> digits{};
  if (redirect.port) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *redirect.port).ptr;
    authority.port = {digits.data(), static_cast<size_t>(end - digits.data())};
  }
  out.append(scheme);
  out.append("://");
  out.append(authority.host);
  if (authority.port.empty() || authority.port == defaultPort(scheme)) return;
  out.append(":");
  out.append(authority.port);
}

bool mayNotLeave(char c) {
  return static_cast<uint8_t>(c) <= ' ' || static_cast<uint8_t>(c) >= 0x7f || c == '\\';
}

}  // namespace

Result<std::string_view> outgoingTarget(const RouteChoice& choice, model::Direction direction, const TargetInput& input,
                                        std::span<char> memory) {
  const std::string_view query = withQuestionMark(input.raw_path);
  const std::string_view raw_only_path = input.raw_path.substr(0, input.raw_path.size() - query.size());
  BoundedText out(memory);
  if (choice.route != nullptr && choice.route->forward != nullptr && choice.route->new_path) {
    if (auto written = choice.route->new_path->write(input.path, choice.capture, out); !written) {
      return std::unexpected(written.error());
    }
  } else if (direction == model::Direction::kOutbound || raw_only_path == input.path) {
    return input.raw_path;
  } else {
    out.append(input.path);
  }
  out.append(query);
  if (out.isFull()) return fail(Reason::kTargetTooLong);
  return out.written();
}

Result<std::string_view> redirectLocation(const RouteChoice& choice, const RedirectInput& input,
                                          std::span<char> memory) {
  check(choice.route != nullptr && choice.route->redirect != nullptr, "only a route that redirects has a Location");
  const model::Redirect& redirect = *choice.route->redirect;
  const std::optional<PathRewrite>& new_path = choice.route->new_path;
  const std::string_view path = input.target.path.starts_with('/') ? input.target.path : "/";
  const bool has_host = redirect.host || !input.host.empty();
  BoundedText out(memory);
  if (has_host) appendOrigin(redirect, input, out);
  if (!new_path) {
    out.append(path);
  } else if (auto written = new_path->write(path, choice.capture, out); !written) {
    return std::unexpected(written.error());
  }
  if (!new_path || !new_path->hasOwnQuery()) out.append(withQuestionMark(input.target.raw_path));
  if (out.isFull()) return fail(Reason::kTargetTooLong);
  if (std::ranges::any_of(out.written(), mayNotLeave)) return fail(Reason::kBadTarget);
  // Without a host, "//a/b" would send the client to the host a (RFC 3986 section 4.2).
  if (!has_host && out.written().starts_with("//")) return fail(Reason::kBadPath);
  return out.written();
}

}  // namespace remora::route
