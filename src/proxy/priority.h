// Who goes first: by the request's route, by who its client proved to be, and by the header that the route names. Pure;
// any thread.
#pragma once

#include "http/headers.h"
#include "model/priority.h"
#include "tls/facts.h"

namespace remora::proxy {

// `identity`: null where the client showed no certificate, or nobody verified it; then no identity's priority holds.
model::Priority priorityOf(const model::RoutePriority& route, const http::Headers& headers,
                           const tls::PeerIdentity* identity);

}  // namespace remora::proxy
