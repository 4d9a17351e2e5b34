// Does the request come too soon for its route's rate_limit?
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Fails with kRateLimited. Those without the key that is counted by are counted together.
Result<void> heedRateLimit(Exchange& exchange);

// The fields of a refusal: when to come again, and under which limit.
std::vector<std::pair<std::string_view, std::string>> rateLimitFields(const Exchange& exchange);

}  // namespace remora::proxy
