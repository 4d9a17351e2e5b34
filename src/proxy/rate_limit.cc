#include "proxy/rate_limit.h"

#include <fmt/format.h>

#include <chrono>

#include "proxy/hash_key.h"

namespace remora::proxy {
namespace {

int64_t secondsUp(Duration span) {
  return std::chrono::ceil<std::chrono::seconds>(span).count();
}

}  // namespace

Result<void> heedRateLimit(Exchange& exchange) {
  const model::Route& route = exchange.plan.route();
  if (!route.rate_limit) return {};
  const model::RateLimit& limit = *route.rate_limit;
  snapshot::RateLimiter& limiter = *(*exchange.snapshot)->rate_limiters.at(&route);
  std::optional<uint64_t> key;
  if (!limit.key.empty()) key = hashOf({exchange.request, exchange.client}, limit.key, limiter.seed()).value_or(0);
  const snapshot::RateLimiter::Verdict verdict = limiter.ask(key, exchange.core.now());
  if (verdict.is_allowed) return {};
  exchange.record.decide(observe::Outcome::kRateLimited, exchange.plan.choice.route->rule, limit.shadow,
                         exchange.core.now());
  if (limit.shadow) {
    exchange.core.metrics().rate_limited_shadow.add();
    return {};
  }
  exchange.core.metrics().rate_limited.add();
  exchange.rate_limit_wait = verdict.wait;
  return fail(Reason::kRateLimited);
}

std::vector<std::pair<std::string_view, std::string>> rateLimitFields(const Exchange& exchange) {
  const model::Route& route = exchange.plan.route();
  const model::RateLimit& limit = route.shared_limit ? route.shared_limit->rate : *route.rate_limit;
  const int64_t wait = secondsUp(exchange.rate_limit_wait);
  return {{"Retry-After", std::to_string(wait)},
          {"RateLimit-Policy", fmt::format("\"route\";q={};w={}", limit.requests, secondsUp(limit.per))},
          {"RateLimit", fmt::format("\"route\";r=0;t={}", wait)}};
}

}  // namespace remora::proxy
