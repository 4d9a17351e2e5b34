// Copies of requests for other services, which nobody waits for. A copy is made once its request has its answer, or has
// none, so that the request itself neither waits for it nor notices what becomes of it. Belongs to one core.
#pragma once

#include "proxy/exchange.h"

namespace remora::proxy {

// Copies that one core has under way at once; beyond, requests aren't copied.
inline constexpr size_t kMirrorsMost = 256;
// Bytes of a copy, with its head.
inline constexpr size_t kMirrorBytes = 256 << 10;
// For a copy whose route has no timeout.
inline constexpr Duration kMirrorTime = std::chrono::seconds(15);

// To each of the route's mirrors, by its chance. A request whose body isn't all here, or was too long to be kept, is
// skipped and counted. Only for a route that has mirrors.
void mirror(Exchange& exchange);

}  // namespace remora::proxy
