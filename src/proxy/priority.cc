#include "proxy/priority.h"

#include <algorithm>
#include <iterator>

#include "tls/names.h"

namespace remora::proxy {

using model::Priority;

namespace {

Priority byIdentity(const model::RoutePriority& route, const tls::PeerIdentity* identity) {
  if (!identity) return route.is;
  const auto fits = std::ranges::find_if(
      route.identities, [&](const model::IdentityPriority& each) { return tls::fitsPattern(each.names, *identity); });
  return fits == route.identities.end() ? route.is : fits->is;
}

}  // namespace

Priority priorityOf(const model::RoutePriority& route, const http::Headers& headers,
                    const tls::PeerIdentity* identity) {
  const Priority own = route.identities.empty() ? route.is : byIdentity(route, identity);
  if (route.header.empty()) return own;
  const http::Field* const field = headers.find(route.header);
  if (!field) return own;
  const auto* const named = std::ranges::find(model::kPriorityNames, field->value);
  if (named == std::end(model::kPriorityNames)) return own;
  const auto asked = static_cast<Priority>(named - std::begin(model::kPriorityNames));
  return route.may_raise ? asked : std::max(asked, own);
}

}  // namespace remora::proxy
