#include "proxy/retry.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/grpc_status.h"
#include "base/random.h"
#include "proxy/attempt.h"
#include "proxy/hedge.h"
#include "proxy/hold_back.h"
#include "proxy/mirror.h"
#include "proxy/sticky.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

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

// What an attempt gave: an answer, or a failure.
struct Tried {
  Result<void> outcome;
  uint16_t status;  // of an answer

  bool failedWith(Reason reason) const { return !outcome && outcome.error().reason == reason; }
  bool neverArrived() const { return !outcome && outcome.error().reached == Reached::kNo; }
};

bool isGrpcRetried(uint32_t on, uint32_t status) {
  using On = model::Retry::On;
  switch (status) {
    case kGrpcCancelled:
      return on & On::kGrpcCancelled;
    case kGrpcDeadlineExceeded:
      return on & On::kGrpcDeadlineExceeded;
    case kGrpcResourceExhausted:
      return on & On::kGrpcResourceExhausted;
    case kGrpcInternal:
      return on & On::kGrpcInternal;
    case kGrpcUnavailable:
      return on & On::kGrpcUnavailable;
    default:
      return false;
  }
}

// The route's retry takes this for a failure that is worth another try.
bool isRetried(const model::Retry& retry, const Exchange& exchange, const Tried& tried) {
  using On = model::Retry::On;
  if (tried.outcome) {
    if ((retry.on & On::kGatewayError) && isGatewayError(tried.status)) return true;
    if ((retry.on & On::k5xx) && tried.status >= 500) return true;
    if ((retry.on & On::kRetriable4xx) && tried.status == 409) return true;
    if (std::ranges::find(retry.statuses, tried.status) != retry.statuses.end()) return true;
    const std::optional<uint32_t> grpc = grpcStatusOf(exchange);
    return grpc && isGrpcRetried(retry.on, *grpc);
  }
  const Failure& failure = tried.outcome.error();
  if (rowOf(failure.reason).side != Side::kUpstream || failure.reason == Reason::kExchangeTimeout) return false;
  if (exchange.response_begun) return false;
  if (retry.on & On::k5xx) return true;
  if (isConnectFailure(failure.reason)) return retry.on & On::kConnectFailure;
  if (tried.failedWith(Reason::kTryTimeout)) return retry.on & (On::kTimeout | On::kGatewayError);
  if (tried.neverArrived()) return retry.on & (On::kRefusedStream | On::kReset);
  return retry.on & On::kReset;
}

// Seconds, as services that are overloaded say it; a date isn't heeded.
std::optional<Duration> retryAfterOf(const Exchange& exchange) {
  const http::Field* const field = exchange.response.headers->find("retry-after");
  if (!field) return std::nullopt;
  const std::optional<uint64_t> seconds = ascii::parseDecimal(field->value);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(std::min<uint64_t>(*seconds, 86'400));
}

// Between half and the whole of what doubles with each attempt, so that clients which failed together don't come again
// together.
Duration backoffOf(const model::Retry& retry, uint32_t retries, uint64_t random) {
  return scaled(doubled(retry.backoff, retries, retry.backoff_most), 0.5 + 0.5 * unitOf(random));
}

// The attempts at one request, one after the other.
class Attempts {
 public:
  Attempts(Core& core, Exchange& exchange)
      : core_(core),
        exchange_(exchange),
        record_(exchange.record),
        cluster_(exchange.snapshot->cluster(exchange.plan.cluster)) {
    if (exchange.plan.route().retry && !exchange.is_copy) retry_ = &*exchange.plan.route().retry;
    const model::Subset& subset = exchange.plan.choice.route->forward->clusters[exchange.plan.member].subset;
    if (!subset.labels.empty() && !exchange.is_copy) subset_ = &subset;  // a mirror's service has others
  }

  // How it goes on after an attempt.
  struct Next {
    enum class Kind : uint8_t { kDone, kOtherEndpoint, kSameEndpoint } kind = Kind::kDone;
    Duration wait{0};
  };

  upstream::ClusterState& cluster() { return *cluster_; }
  void begin();
  Result<void> choose();
  Freshness beginAttempt();
  void learn(const Tried& tried);
  Next nextAfter(const Tried& tried);

 private:
  const std::optional<model::Hedge>& hedge() const { return exchange_.plan.route().hedge; }
  Freshness firstFreshness();
  Next nextByDefault(const Failure& failure);
  Next nextByRetry(const Tried& tried);
  bool holdRetry();
  Next deny(observe::RetryDenial denial);

  Core& core_;
  Exchange& exchange_;
  observe::ExchangeRecord& record_;
  const Ref<upstream::ClusterState> cluster_;
  static inline const model::Retry kNoRetry{.attempts = 0, .on = 0};
  const model::Retry* retry_ = &kNoRetry;  // of the route, which the exchange's snapshot holds
  Freshness freshness_ = Freshness::kAny;
  std::optional<uint64_t> hash_;
  const model::Subset* subset_ = nullptr;  // of the route's destination, if it asks for labels
  uint32_t retries_ = 0;                   // by the route's retry
  upstream::Permits::Permit retry_permit_;
  Instant tried_at_;     // the beginning of this attempt
  uint8_t refused_ = 0;  // endpoints that couldn't be connected to
};

// A body that couldn't be sent again gets a fresh connection, where the idle race can't happen.
Freshness Attempts::firstFreshness() {
  if (exchange_.isRequestRead()) return Freshness::kAny;
  // Without a retry too: the idle race may ask for it.
  const auto most = static_cast<size_t>(retry_->body.count);
  if (exchange_.request_body->remaining() > most) return Freshness::kFresh;
  exchange_.request_body->keepForReplay(most);
  exchange_.promiseMemory(static_cast<int64_t>(most));
  return Freshness::kAny;
}

void Attempts::begin() {
  freshness_ = firstFreshness();
  hash_ = hashOrMakeCookie(exchange_, cluster_->options());
  cluster_->noteRequest();
  if (hedge() && !exchange_.is_copy)
    cluster_->shared().hedges.deposit({.percent = hedge()->percent, .floor = hedge()->floor});
}

Result<void> Attempts::choose() {
  Ref<upstream::EndpointState>& endpoint = exchange_.endpoint;
  upstream::EndpointState* const stuck =
      record_.attempts == 0 ? stickyEndpoint(exchange_, *cluster_, subset_) : nullptr;
  endpoint =
      stuck ? Ref<upstream::EndpointState>(stuck) : cluster_->choose(core_.ids(), endpoint.get(), hash_, subset_);
  if (!endpoint) return std::unexpected(noEndpoint(*cluster_, subset_));
  if (subset_ && record_.attempts == 0) {
    noteSubset(record_, *cluster_, *endpoint, *subset_, exchange_.plan.choice.route->rule, core_.now());
  }
  if (!stuck && cluster_->panics() && record_.attempts == 0) {
    record_.decide(Outcome::kPanicked, {}, static_cast<uint16_t>(cluster_->available()), core_.now());
  }
  return {};
}

Freshness Attempts::beginAttempt() {
  upstream::EndpointState& endpoint = *exchange_.endpoint;
  ++record_.attempts;
  tried_at_ = core_.now();
  record_.endpoint = endpoint.endpoint.text;
  record_.decide(Outcome::kEndpointChosen, {}, endpoint.index, core_.now());
  exchange_.sent_at = core_.now();  // it isn't yet
  exchange_.try_deadline = Deadline::after(core_.now(), retry_->try_timeout);
  return freshness_;
}

void Attempts::learn(const Tried& tried) {
  if (!tried.outcome) {
    ++exchange_.endpoint->failures;
    record_.decide(Outcome::kAttemptFailed, {}, static_cast<uint16_t>(tried.outcome.error().reason), core_.now());
  } else if (hedge() && !exchange_.is_copy) {
    exchange_.snapshot->p95(*exchange_.listener, exchange_.plan.choice.route->index).note(core_.now() - tried_at_);
  }
  exchange_.verdict.noteAttempt(tried.outcome);
}

Attempts::Next Attempts::nextAfter(const Tried& tried) {
  if (!tried.outcome) {
    if (const Next next = nextByDefault(tried.outcome.error()); next.kind != Next::Kind::kDone) return next;
  }
  if (isRetried(*retry_, exchange_, tried)) return nextByRetry(tried);
  return {};
}

// Whatever the route says: it provably never arrived, or a connection ended under it unused and it is idempotent.
Attempts::Next Attempts::nextByDefault(const Failure& failure) {
  if (exchange_.response_begun || record_.attempts >= kAttemptsMost || !exchange_.request_body->rewind()) return {};
  const bool never_arrived = failure.reached == Reached::kNo;
  Next next;
  if (isConnectFailure(failure.reason)) {
    ++refused_;
    if (!never_arrived || !mayTryAnother(failure, refused_, cluster_->countOf(subset_))) return {};
    next.kind = Next::Kind::kOtherEndpoint;
  } else {
    const bool ended = failure.reason == Reason::kUpstreamClosed || failure.reason == Reason::kUpstreamReset;
    // On a fresh connection only a proof counts: an end says nothing there about a race with an idle time.
    if (!ended || (!record_.reused && !never_arrived)) return {};
    const bool is_safe =
        never_arrived || (failure.reached == Reached::kMaybe && http::isIdempotent(exchange_.request.method));
    if (!is_safe) return {};
    next.kind = Next::Kind::kSameEndpoint;
    freshness_ = Freshness::kFresh;
  }
  core_.metrics().replays.add();
  return next;
}

Attempts::Next Attempts::nextByRetry(const Tried& tried) {
  using observe::RetryDenial;
  if (tried.outcome) record_.decide(Outcome::kStatusRetried, {}, tried.status, core_.now());
  if (retries_ >= retry_->attempts) return deny(RetryDenial::kAttempts);
  if (!tried.neverArrived() && !retry_->non_idempotent && !exchange_.is_grpc &&
      !http::isRepeatable(exchange_.request)) {
    return deny(RetryDenial::kNotIdempotent);
  }
  if (exchange_.switches_protocol || !exchange_.request_body->rewind()) return deny(RetryDenial::kBody);
  Duration wait = backoffOf(*retry_, retries_, core_.ids().next());
  if (tried.outcome) {
    if (const std::optional<Duration> asked = retryAfterOf(exchange_)) {
      if (*asked > retry_->retry_after_most) return deny(RetryDenial::kRetryAfter);
      wait = std::max(wait, *asked);
    }
  }
  if (exchange_.deadline.hasPassed(core_.now() + wait)) return deny(RetryDenial::kDeadline);
  if (cluster_->options().breaker && cluster_->shared().breaker->state() != upstream::CircuitBreaker::State::kClosed) {
    return deny(RetryDenial::kBreaker);
  }
  if (!holdRetry()) return deny(RetryDenial::kRetriesLimit);
  if (!cluster_->shared().retries.withdraw(cluster_->options().retry_budget, core_.now())) {
    return deny(RetryDenial::kBudget);
  }
  ++retries_;
  core_.metrics().retries.add();
  return {Next::Kind::kOtherEndpoint, wait};
}

// One of the service's limits.retries, from the first time that it is sent again to the last.
bool Attempts::holdRetry() {
  const std::shared_ptr<upstream::Permits>& retrying = cluster_->shared().retrying;
  if (retry_permit_ || retrying->most() == 0) return true;
  retry_permit_ = upstream::Permits::take(retrying, core_.loop());
  return static_cast<bool>(retry_permit_);
}

Attempts::Next Attempts::deny(observe::RetryDenial denial) {
  core_.metrics().retries_denied.add();
  record_.decide(Outcome::kRetryDenied, {}, static_cast<uint16_t>(denial), core_.now());
  return {};
}

}  // namespace

Failure noEndpoint(const upstream::ClusterState& cluster, const model::Subset* subset) {
  if (subset && !cluster.endpoints().empty()) return {Reason::kNoSubset, Reached::kNo, 0};
  return {cluster.hasDnsFailed() ? Reason::kDnsFailed : Reason::kNoEndpoint, Reached::kNo, 0};
}

void noteSubset(observe::ExchangeRecord& record, upstream::ClusterState& cluster, const upstream::EndpointState& chosen,
                const model::Subset& subset, observe::RuleId rule, Instant now) {
  const bool falls_back = !model::hasAll(chosen.endpoint.labels, subset.labels);
  const auto count = static_cast<int64_t>(falls_back ? 0 : cluster.countOf(&subset));
  record.decide(Outcome::kSubset, rule, observe::trailNumber(count), now);
}

bool mayTryAnother(const Failure& failure, uint8_t attempts, size_t endpoints) {
  return isConnectFailure(failure.reason) && attempts < kAttemptsMost && attempts < endpoints;
}

loop::Task<void> tryUpstreams(Core& core, Exchange& exchange) {
  using Next = Attempts::Next;
  observe::ExchangeRecord& record = exchange.record;
  Attempts attempts(core, exchange);
  attempts.begin();
  co_await mayAsk(exchange, attempts.cluster());
  if (!takePermit(exchange, attempts.cluster())) co_await awaitPermit(exchange, attempts.cluster());
  Next next{.kind = Next::Kind::kOtherEndpoint};
  for (;;) {
    if (exchange.cancelsOnFin() && exchange.downstream->stream().hasHangup()) co_return fail(Reason::kClientGone);
    co_await exchange.refuseExpired();
    if (next.kind == Next::Kind::kOtherEndpoint) co_await attempts.choose();
    const Freshness freshness = attempts.beginAttempt();
    const Result<void> outcome =
        co_await loop::asResult(mayHedge(exchange) ? hedgedAttempt(exchange, freshness) : attempt(exchange, freshness));
    const Tried tried{.outcome = outcome, .status = exchange.response.status};
    attempts.learn(tried);
    next = attempts.nextAfter(tried);
    if (next.kind == Next::Kind::kDone) {
      exchange.verdict.noteLast(tried.outcome);
      exchange.try_deadline = Deadline::never();  // an answer may take its time once it has begun
      if (!exchange.plan.route().mirrors.empty()) mirror(exchange);
      if (tried.outcome) {
        exchange.request_body->dropReplay();
        keepAtEndpoint(exchange, attempts.cluster());
      }
      co_return tried.outcome;
    }
    exchange.verdict.end({});  // it is heard no further
    exchange.uploads.cancel();
    exchange.lease = {};
    exchange.upload = Exchange::Upload::kNone;
    if (next.wait.count() > 0) {
      record.decide(Outcome::kBackedOff, {}, observe::trailMillis(next.wait), core.now());
      co_await loop::Sleep(core.loop(), Deadline::after(core.now(), next.wait));
    }
    record.decide(Outcome::kReplayed, {}, record.attempts, core.now());
  }
}

}  // namespace remora::proxy
