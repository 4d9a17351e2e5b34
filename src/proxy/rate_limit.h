// Does the request come too soon for its route's rate_limit?
#pragma once

#include "base/result.h"
#include "proxy/exchange.h"

namespace remora::proxy {

// Fails with kRateLimited. Those without the key that is counted by are counted together.
Result<void> heedRateLimit(Exchange& exchange);

// "RateLimit-Policy" and "RateLimit" of a refusal.
std::string rateLimitPolicyText(const model::RateLimit& limit);
std::string rateLimitText(const Exchange& exchange);

}  // namespace remora::proxy
