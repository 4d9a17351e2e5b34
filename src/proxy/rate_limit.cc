#include "proxy/rate_limit.h"

#include <fmt/format.h>

#include "proxy/hash_key.h"

namespace remora::proxy {

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
  exchange.limit_told = {verdict.wait, limit.requests, limit.per};
  return fail(Reason::kRateLimited);
}

std::vector<std::pair<std::string_view, std::string>> rateLimitFields(const Exchange& exchange) {
  const LimitTold& told = exchange.limit_told;
  std::vector<std::pair<std::string_view, std::string>> fields;
  if (told.wait) fields.emplace_back("Retry-After", std::to_string(secondsUp(*told.wait)));
  if (told.requests > 0 && told.per.count() > 0) {
    fields.emplace_back("RateLimit-Policy", fmt::format("\"route\";q={};w={}", told.requests, secondsUp(told.per)));
  }
  if (told.wait) fields.emplace_back("RateLimit", fmt::format("\"route\";r=0;t={}", secondsUp(*told.wait)));
  return fields;
}

}  // namespace remora::proxy
