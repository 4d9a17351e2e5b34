// A second attempt beside one that takes long, at another endpoint: whichever has an answer first is heard, the other
// is cancelled. Only requests that may be sent twice, within a budget of the service. Belongs to one core.
#pragma once

#include "proxy/attempt.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// The route has a hedge, and this request may have one.
bool mayHedge(const Exchange& exchange);

// As attempt(), and like it leaves exchange as the attempt that is heard has left it: its endpoint is the one that
// answered.
loop::Task<void> hedgedAttempt(Exchange& exchange, Freshness freshness);

}  // namespace remora::proxy
