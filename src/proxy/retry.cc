#include "proxy/retry.h"

#include <utility>

#include "proxy/attempt.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

// Bodies up to this size are kept until the response begins, so that they can be sent again.
constexpr size_t kReplayBytes = 64 << 10;

bool isConnectFailure(Reason reason) {
  switch (reason) {
    case Reason::kConnectRefused:
    case Reason::kConnectFailed:
    case Reason::kConnectTimeout:
    case Reason::kUpstreamTls:
    case Reason::kUpstreamCertificate:
      return true;
    default:
      return false;
  }
}

enum class Next : uint8_t { kGiveUp, kOtherEndpoint, kFreshConnection };

Next nextAfter(Exchange& exchange, const Failure& failure, const upstream::ClusterState& cluster) {
  if (exchange.response_begun || exchange.record.attempts >= kAttemptsMost || !exchange.request_body->rewind()) {
    return Next::kGiveUp;
  }
  if (isConnectFailure(failure.reason)) {
    const bool is_safe = failure.reached == Reached::kNo;
    return is_safe && mayTryAnother(failure, exchange.record.attempts, cluster) ? Next::kOtherEndpoint : Next::kGiveUp;
  }
  const bool ended = failure.reason == Reason::kUpstreamClosed || failure.reason == Reason::kUpstreamReset;
  // On a fresh connection only a proof counts: an end says nothing there about a race with an idle time.
  if (!ended || (!exchange.record.reused && failure.reached != Reached::kNo)) return Next::kGiveUp;
  const bool is_safe = failure.reached == Reached::kNo ||
                       (failure.reached == Reached::kMaybe && http::isIdempotent(exchange.request.method));
  return is_safe ? Next::kFreshConnection : Next::kGiveUp;
}

// A body that couldn't be sent again gets a fresh connection, where the idle race can't happen.
Freshness freshnessFor(Exchange& exchange) {
  if (exchange.isRequestRead()) return Freshness::kAny;
  if (exchange.request_body->remaining() > kReplayBytes) return Freshness::kFresh;
  exchange.request_body->keepForReplay(kReplayBytes);
  return Freshness::kAny;
}

}  // namespace

bool mayTryAnother(const Failure& failure, uint8_t attempts, const upstream::ClusterState& cluster) {
  return isConnectFailure(failure.reason) && attempts < kAttemptsMost && attempts < cluster.endpoints().size();
}

loop::Task<void> tryUpstreams(Core& core, Exchange& exchange) {
  observe::ExchangeRecord& record = exchange.record;
  const Ref<upstream::ClusterState> cluster(exchange.snapshot->cluster(exchange.plan.cluster));
  Freshness freshness = freshnessFor(exchange);
  Ref<upstream::EndpointState>& endpoint = exchange.endpoint;
  bool is_chosen = false;
  for (;;) {
    if (exchange.cancelsOnFin() && exchange.downstream->stream().hasHangup()) co_return fail(Reason::kClientGone);
    if (!std::exchange(is_chosen, true)) endpoint = cluster->choose(core.ids(), endpoint.get());
    if (!endpoint) co_return fail(cluster->hasDnsFailed() ? Reason::kDnsFailed : Reason::kNoEndpoint, Reached::kNo);
    ++record.attempts;
    record.endpoint = endpoint->endpoint.text;
    record.decide(Outcome::kEndpointChosen, {}, endpoint->index, core.now());
    const Result<void> outcome = co_await loop::asResult(attempt(exchange, freshness));
    if (outcome) {
      exchange.request_body->dropReplay();
      co_return outcome;
    }
    exchange.uploads.cancel();
    exchange.lease = {};
    ++endpoint->failures;
    record.decide(Outcome::kAttemptFailed, {}, static_cast<uint16_t>(outcome.error().reason), core.now());
    const Next next = nextAfter(exchange, outcome.error(), *cluster);
    if (next == Next::kGiveUp) co_return outcome;
    core.metrics().replays.add();
    record.decide(Outcome::kReplayed, {}, record.attempts, core.now());
    exchange.upload = Exchange::Upload::kNone;
    is_chosen = next == Next::kFreshConnection;
    if (next == Next::kFreshConnection) freshness = Freshness::kFresh;
  }
}

}  // namespace remora::proxy
