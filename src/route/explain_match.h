// Why a request takes the route it takes: every route of its best host in order, each with the first thing that it
// missed, in words. For `explain` and the admin pages; allocates freely and never runs on the request's path, but asks
// the same firstMiss() as RouteTable::match. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "route/route_table.h"

namespace remora::route {

struct RouteVerdict {
  enum class Kind : uint8_t { kMatched, kShadowed, kMissed };
  Kind kind = Kind::kMissed;
  const CompiledRoute* route = nullptr;
  Predicate predicate = Predicate::kNone;  // of kMissed
  uint32_t held = 0;                       // predicates that held before that: what sorts near misses
  const model::Origin* where = nullptr;    // the most exact place of the predicate that was missed, else the route's
  std::string sentence;                    // "header x-canary is 'false', expected 'true'"
};

// Calls visit for each route of the host in order: those that miss, the one that matched, and those behind it that
// would match too (shadowed). Not called at all when no host fits. The choice returned has the route that match()
// finds.
RouteChoice explainMatch(const RouteTable& table, const RouteInput& input,
                         const std::function<void(const RouteVerdict&)>& visit);

// "header x-canary is 'false', expected 'true'": what `route` misses of `input`.
std::string describeMiss(const CompiledRoute& route, const RouteInput& input, Miss miss);

}  // namespace remora::route
