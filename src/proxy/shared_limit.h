// Does the request come too soon for a rate_limit that a service counts, for several remoras together?
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "loop/task.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Fails with kRateLimited, or with kRateLimitAway where there was no answer and on_failure is closed.
loop::Task<void> heedSharedLimit(Exchange& exchange);

}  // namespace remora::proxy
