#include "proxy/verdict.h"

#include <utility>

#include "base/grpc_status.h"
#include "http/grpc.h"
#include "proxy/exchange.h"
#include "proxy/hold_back.h"

namespace remora::proxy {
namespace {

using observe::Outcome;
using upstream::Verdict;

bool isFailure(Verdict verdict) {
  return verdict != Verdict::kGood && verdict != Verdict::kOverloaded;
}

bool learns(const model::Cluster& options) {
  return options.outlier || options.breaker || options.admission || options.adaptive ||
         options.balance == model::Balance::kPeakEwma;
}

// Nothing of it came within a time.
bool isTimeout(Reason reason) {
  return reason == Reason::kTryTimeout || reason == Reason::kResponseTimeout || reason == Reason::kExchangeTimeout;
}

Verdict verdictOfGrpc(std::optional<uint32_t> status) {
  switch (status.value_or(0)) {
    case kGrpcResourceExhausted:
      return Verdict::kOverloaded;
    case kGrpcUnavailable:
      return Verdict::kGatewayError;
    case kGrpcUnknown:
    case kGrpcInternal:
    case kGrpcDataLoss:
      return Verdict::kServerError;
    default:
      return Verdict::kGood;
  }
}

// The endpoint has all that came of the request, but that isn't all of it: it has nothing to answer yet, and may give
// up.
bool waitsForClient(const Exchange& exchange) {
  if (exchange.upload == Exchange::Upload::kFailed) return true;
  return exchange.upload == Exchange::Upload::kRunning && exchange.upload_writer->isDrained();
}

// By what is known with the head. Nothing where the fault was the client's, or our own.
std::optional<Verdict> verdictOf(const Exchange& exchange, const Result<void>& outcome) {
  if (!outcome) {
    const Reason reason = outcome.error().reason;
    if (exchange.waits_for_room || rowOf(reason).side != Side::kUpstream) return std::nullopt;
    const bool has_ended = reason == Reason::kUpstreamClosed || reason == Reason::kUpstreamReset;
    if ((has_ended || isTimeout(reason)) && waitsForClient(exchange)) return std::nullopt;
    return Verdict::kLocalFailure;
  }
  const uint16_t status = exchange.response.status;
  if (status == 429) return Verdict::kOverloaded;
  if (isGatewayError(status)) return Verdict::kGatewayError;
  const Verdict grpc = verdictOfGrpc(grpcStatusOf(exchange));
  if (grpc != Verdict::kGood) return grpc;
  return status >= 500 ? Verdict::kServerError : Verdict::kGood;
}

}  // namespace

std::optional<uint32_t> grpcStatusOf(const Exchange& exchange) {
  if (!exchange.is_grpc) return std::nullopt;
  return http::grpc::parseStatus(exchange.response.headers->valueOf(http::HeaderId::kGrpcStatus));
}

bool isCallersDoing(const Exchange& exchange, const Result<void>& outcome) {
  // A mirror has a time of its own.
  if (exchange.is_copy || exchange.deadline >= Deadline::after(exchange.record.start, exchange.plan.timeout))
    return false;
  const bool is_nearly_over = exchange.deadline.hasPassed(exchange.core.now() + kGivesUp);
  if (outcome) return is_nearly_over && exchange.response.status == 504;
  switch (outcome.error().reason) {
    case Reason::kExchangeTimeout:
      return true;
    case Reason::kUpstreamClosed:
    case Reason::kUpstreamReset:
    case Reason::kResponseTruncated:
      return is_nearly_over;
    default:
      return false;
  }
}

upstream::ClusterState& AwaitedVerdict::cluster() const {
  return *exchange_.snapshot->cluster(exchange_.plan.cluster);
}

void AwaitedVerdict::noteAttempt(const Result<void>& outcome) {
  forget();
  upstream::ClusterState& cluster = this->cluster();
  if (!learns(cluster.options())) return;
  const std::optional<Verdict> verdict = verdictOf(exchange_, outcome);
  if (!verdict) return;
  took_ = exchange_.core.now() - exchange_.sent_at;
  if (isCallersDoing(exchange_, outcome)) return cluster.noteAtLeast(*exchange_.endpoint, took_);
  if (!outcome) {
    // What fails at once says nothing of how long it takes, what times out says much.
    return tell(*verdict, took_, isTimeout(outcome.error().reason) ? std::optional(took_) : std::nullopt);
  }
  if (*verdict != Verdict::kGood) return tell(*verdict, took_, {});
  state_ = State::kAwaited;
  needs_status_ = needsStatus();
}

// What isn't gRPC, whatever the request says that it is, has no status.
bool AwaitedVerdict::needsStatus() const {
  const http::Headers& head = *exchange_.response.headers;
  return exchange_.is_grpc && exchange_.response.status == 200 && http::grpc::isGrpc(head) &&
         !head.find(http::HeaderId::kGrpcStatus);
}

void AwaitedVerdict::noteLast(const Result<void>& outcome) {
  upstream::ClusterState& cluster = this->cluster();
  if (!cluster.options().admission) return;
  tells_admission_ = state_ == State::kAwaited;
  if (tells_admission_ || isCallersDoing(exchange_, outcome)) return;
  // One that says that it has too much succeeds in nothing.
  const std::optional<Verdict> verdict = verdictOf(exchange_, outcome);
  if (!verdict) return;
  cluster.shared().admission.note(*verdict != Verdict::kGood, *cluster.options().admission, exchange_.core.now());
}

void AwaitedVerdict::watch() {
  if (state_ != State::kAwaited) return;
  exchange_.core.loop().timers().arm(*this, Deadline::after(exchange_.core.now(), kRunsWell));
}

void AwaitedVerdict::watchUpload() {
  if (exchange_.probe) exchange_.core.loop().timers().arm(*this, Deadline::after(exchange_.core.now(), kRunsWell));
}

void AwaitedVerdict::onTime() {
  if (state_ == State::kNone) {
    exchange_.probe = {};
    return;
  }
  if (std::exchange(state_, State::kToldGood) == State::kAwaited) settle(Verdict::kGood);
}

void AwaitedVerdict::end(const Result<void>& relayed) {
  if (state_ == State::kNone) return;
  const std::optional<Verdict> verdict = atEnd(relayed);
  const bool is_known = state_ == State::kToldGood && verdict == Verdict::kGood;
  if (verdict && !is_known) settle(*verdict);
  forget();
}

void AwaitedVerdict::abandon() {
  if (state_ == State::kAwaited && !needs_status_) settle(Verdict::kGood);
  forget();
}

void AwaitedVerdict::forget() {
  if (isArmed()) exchange_.core.loop().timers().disarm(*this);
  state_ = State::kNone;
  needs_status_ = tells_admission_ = false;
  waited_for_client = Duration(0);
}

std::optional<Verdict> AwaitedVerdict::atEnd(const Result<void>& relayed) const {
  if (!relayed && isEndpointsFault(relayed.error())) {
    if (isCallersDoing(exchange_, relayed)) return std::nullopt;
    return Verdict::kLocalFailure;
  }
  if (!needs_status_) return Verdict::kGood;
  if (!relayed) return std::nullopt;
  if (exchange_.record.grpc_code < 0) return Verdict::kLocalFailure;  // no gRPC server ends so
  return verdictOfGrpc(static_cast<uint32_t>(exchange_.record.grpc_code));
}

// It broke off. Not where only time was over, which the client's silence may be the reason of; nor where it had a
// reason to: a client that reads slowly, or, over HTTP/1, still sends what the application has refused by its answer.
bool AwaitedVerdict::isEndpointsFault(const Failure& failure) const {
  if (rowOf(failure.reason).side != Side::kUpstream || isTimeout(failure.reason)) return false;
  if (waited_for_client >= kSlowReader) return false;
  if (exchange_.upload == Exchange::Upload::kFailed) return false;
  const bool is_http1 = exchange_.lease && !exchange_.lease.h2();
  return !is_http1 || exchange_.upload == Exchange::Upload::kDone;
}

void AwaitedVerdict::settle(Verdict verdict) {
  tell(verdict, took_, verdict == Verdict::kGood ? std::optional(took_) : std::nullopt);
  const auto& admission = cluster().options().admission;
  if (tells_admission_ && admission)
    cluster().shared().admission.note(verdict != Verdict::kGood, *admission, exchange_.core.now());
}

// `time` goes to the adaptive limit, where it says how long the service takes.
void AwaitedVerdict::tell(Verdict verdict, Duration took, std::optional<Duration> time) {
  Core& core = exchange_.core;
  upstream::ClusterState& cluster = this->cluster();
  if (time) cluster.noteTime(exchange_.sent_at, *time, core.ids());
  tellBreaker(exchange_, cluster, isFailure(verdict));
  using Change = upstream::ClusterShared::Change;
  upstream::EndpointState& endpoint = *exchange_.endpoint;
  const Change change = cluster.note(endpoint, verdict, took, core.ids());
  if (change == Change::kNone) return;
  exchange_.record.decide(change == Change::kEjected ? Outcome::kEjected : Outcome::kReturned, {}, endpoint.index,
                          core.now());
}

}  // namespace remora::proxy
