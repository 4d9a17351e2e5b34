#include "proxy/shared_limit.h"

#include <array>
#include <string>

#include "proxy/hash_key.h"
#include "proxy/redis_link.h"

namespace remora::proxy {
namespace {

using observe::LimitResult;
using observe::Outcome;

// Those without the key are counted together.
std::string redisKey(const Exchange& exchange, const snapshot::SharedLimit& limit) {
  std::string key = limit.key;
  const std::vector<model::HashKey>& parts = limit.source->rate.key;
  for (size_t i = 0; i < parts.size(); ++i) {
    std::array<char, net::kPeerTextMax> text;
    const std::optional<std::string_view> value = valueOf({exchange.request, exchange.client}, parts[i], text);
    if (!value) continue;
    upstream::addRedisValue(key, i, *value);
    break;
  }
  return key;
}

}  // namespace

loop::Task<void> heedSharedLimit(Exchange& exchange) {
  Core& core = exchange.core;
  const CoreSnapshot& snapshot = *exchange.snapshot;
  const snapshot::SharedLimit& limit = snapshot->shared_limits.at(&exchange.plan.route());
  const snapshot::LimitService& service = snapshot->limit_services[limit.service];
  const bool is_shadow = limit.source->rate.shadow;
  const Instant began = core.loop().readClock();
  const std::string key = redisKey(exchange, limit);
  const RedisWait::Question question{key, limit.rate, exchange.deadline};
  RedisWait::Answer answer;
  co_await RedisWait(snapshot.limitLink(limit.service), question, answer);

  const bool is_closed = service.source->on_failure == model::RateLimitService::OnFailure::kClosed && !is_shadow;
  const Instant now = core.loop().readClock();
  const observe::LimitAnswer told{answer.result, is_closed, now - began};
  const observe::RuleId rule = exchange.plan.choice.route->rule;
  core.metrics().limits.of(service.source->name).count(told);
  exchange.record.decide(Outcome::kRateLimitAsked, rule, told.packed(), now);
  if (answer.result == LimitResult::kAllowed) co_return loop::done;
  if (answer.result == LimitResult::kLimited) {
    exchange.record.decide(Outcome::kRateLimited, rule, is_shadow, now);
    (is_shadow ? core.metrics().rate_limited_shadow : core.metrics().rate_limited).add();
    exchange.rate_limit_wait = answer.verdict.wait;
    co_return is_shadow ? Result<void>() : fail(Reason::kRateLimited);
  }
  co_return is_closed ? fail(Reason::kRateLimitAway) : Result<void>();
}

}  // namespace remora::proxy
