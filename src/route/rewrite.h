// What goes on the wire once a route is chosen: the request target sent upstream, or the Location of a redirect.
// Pure; writes only into the caller's memory; any thread.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "model/listener.h"
#include "route/route_table.h"

namespace remora::route {

struct TargetInput {
  std::string_view path;      // normalised, as it was matched
  std::string_view raw_path;  // path and query as received; "*" for OPTIONS *
};

// The target to send upstream. The query is always the request's, byte by byte.
//   a rewrite applies   the new path
//   inbound             the normalised path: the application gets what the rules saw
//   outbound            the bytes as received, since signatures cover them
// The result lies in `memory`, or in the input when its bytes serve as they are. kTargetTooLong when it doesn't fit
// `memory`; kBadPath when the rewrite gives a path that isn't sound (see PathRewrite).
Result<std::string_view> outgoingTarget(const RouteChoice& choice, model::Direction direction, const TargetInput& input,
                                        std::span<char> memory);

struct RedirectInput {
  std::string_view scheme;  // of the request as the client sees it
  std::string_view host;    // authority as received, with its port; may be empty
  TargetInput target;
};

// The Location of a route that redirects: what the route doesn't say is taken from the request, with its normalised
// path and its query (unless the new path has a query of its own). The port is left out when it is the scheme's
// default. The request's port is kept only while scheme and host are the request's own. Without any host the Location
// is relative. Lies in `memory`; failures as above.
Result<std::string_view> redirectLocation(const RouteChoice& choice, const RedirectInput& input,
                                          std::span<char> memory);

}  // namespace remora::route
