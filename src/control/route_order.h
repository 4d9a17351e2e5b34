// From routes in the order of a file to virtual hosts in the order of precedence, the way the Gateway API sorts. Pure;
// any thread.
//
// A route applies to every host that its patterns cover: one without a host to all. The compiled table looks only at
// the best host, so such routes are merged into each more specific virtual host, and everything is sorted there by:
//   path: exact, template (most literal characters first), prefix (longest first), regex, none
//   has a method; number of headers, of query parameters, of cookies; has a source
//   the more specific host; the place in the file
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "model/routes.h"

namespace remora::control {

struct HostedRoute {
  std::vector<std::string> hosts;  // never empty; lower case; "*" for every host
  model::Origin hosts_origin;
  model::Route route;
};

// Merging could multiply a file into more routes than memory holds: hosts times routes without a host.
inline constexpr size_t kMostMergedRoutes = 200'000;

// Whether every host of `narrow` is one of `wide`: "*" covers all, "*.a" covers "x.a" and "*.x.a", none covers itself.
bool coversHost(std::string_view wide, std::string_view narrow);

// Virtual hosts in the order in which the file first names them. Nothing when there would be too many routes.
std::expected<std::vector<model::VirtualHost>, size_t> arrangeRoutes(const std::vector<HostedRoute>& routes);

}  // namespace remora::control
