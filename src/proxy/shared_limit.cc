#include "proxy/shared_limit.h"

#include <array>
#include <string>

#include "proxy/descriptor.h"
#include "proxy/grpc_link.h"
#include "proxy/hash_key.h"
#include "proxy/redis_link.h"

namespace remora::proxy {
namespace {

using observe::LimitResult;
using observe::Outcome;

struct Verdict {
  LimitResult result = LimitResult::kAway;
  LimitTold told;
};

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

loop::Task<Verdict> askRedis(Exchange& exchange, const snapshot::SharedLimit& limit) {
  const std::string key = redisKey(exchange, limit);
  const RedisWait::Question question{key, limit.rate, exchange.deadline};
  RedisWait::Answer answer;
  co_await RedisWait(static_cast<RedisLink&>(exchange.snapshot->limitLink(limit.service)), question, answer);
  const model::RateLimit& rate = limit.source->rate;
  co_return Verdict{answer.result, {answer.verdict.wait, rate.requests, rate.per}};
}

loop::Task<Verdict> askGrpc(Exchange& exchange, const snapshot::SharedLimit& limit) {
  const CoreSnapshot& snapshot = *exchange.snapshot;
  std::string question;
  if (!writeDescriptorQuestion(question, snapshot->limit_services[limit.service].source->domain,
                               limit.source->descriptors, {exchange.request, exchange.client})) {
    co_return Verdict{LimitResult::kUncounted, {}};
  }
  GrpcLink& link = static_cast<GrpcLink&>(snapshot.limitLink(limit.service));
  const GrpcLink::Answer answer = co_await link.ask(question, exchange.deadline);
  co_return Verdict{answer.result, {answer.told.wait, answer.told.requests, answer.told.window}};
}

}  // namespace

loop::Task<void> heedSharedLimit(Exchange& exchange) {
  Core& core = exchange.core;
  const CoreSnapshot& snapshot = *exchange.snapshot;
  const snapshot::SharedLimit& limit = snapshot->shared_limits.at(&exchange.plan.route());
  const model::RateLimitService& service = *snapshot->limit_services[limit.service].source;
  const bool is_shadow = limit.source->rate.shadow;
  const Instant began = core.loop().readClock();
  const bool is_redis = service.kind == model::RateLimitService::Kind::kRedis;
  const Verdict verdict = co_await (is_redis ? askRedis(exchange, limit) : askGrpc(exchange, limit));

  const bool is_closed = service.on_failure == model::RateLimitService::OnFailure::kClosed && !is_shadow;
  const Instant now = core.loop().readClock();
  const observe::LimitAnswer answer{verdict.result, is_closed, now - began};
  const observe::RuleId rule = exchange.plan.choice.route->rule;
  core.metrics().limits.of(service.name).count(answer);
  exchange.record.decide(Outcome::kRateLimitAsked, rule, answer.packed(), now);
  if (verdict.result == LimitResult::kAllowed || verdict.result == LimitResult::kUncounted) co_return loop::done;
  if (verdict.result == LimitResult::kLimited) {
    exchange.record.decide(Outcome::kRateLimited, rule, is_shadow, now);
    (is_shadow ? core.metrics().rate_limited_shadow : core.metrics().rate_limited).add();
    exchange.limit_told = verdict.told;
    co_return is_shadow ? Result<void>() : fail(Reason::kRateLimited);
  }
  co_return is_closed ? fail(Reason::kRateLimitAway) : Result<void>();
}

}  // namespace remora::proxy
