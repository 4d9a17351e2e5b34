#include "proxy/tcp_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/retry.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

}  // namespace

TcpConnection::TcpConnection(Core& core, Origin origin, const snapshot::TcpChain* chain, std::string server_name)
    : Connection(core, std::move(origin)),
      snapshot_(core.snapshot()),
      has_chain_(chain != nullptr),
      cluster_(chain ? chain->cluster : snapshot::Snapshot::kNoCluster),
      subset_(chain && !chain->source->tcp->subset.labels.empty() ? &chain->source->tcp->subset : nullptr),
      idle_(chain ? chain->source->tcp->idle : Duration(0)),
      write_stall_(settings().timeouts.write_stall),
      service_(chain ? chain->source->tcp->cluster : std::string()),
      server_name_(std::move(server_name)) {
  describe(chain);
  core_.metrics().tcp_active.add();
  core_.overload().promise(Overload::kExchangeBytes);
}

TcpConnection::~TcpConnection() {
  core_.metrics().tcp_active.sub();
  core_.overload().takeBack(Overload::kExchangeBytes);
}

void TcpConnection::describe(const snapshot::TcpChain* chain) {
  const snapshot::ListenerPlan& plan = planIn(**snapshot_);
  Connection::beginRecord(record_, **snapshot_, plan, core_.loop().readClock(), remote_text_);
  record_.http_major = 0;
  record_.http_minor = 0;
  record_.service = service_;
  record_.server_name = server_name_;
  record_.decide(Outcome::kReceived, plan.rule, 0, record_.start);
  if (chain) {
    const auto position = observe::trailNumber(chain->index);
    record_.decide(Outcome::kChainChosen, plan.rule, position, record_.start);
  } else {
    record_.decide(Outcome::kNoRouteMatched, {}, 0, record_.start);
  }
  series_ =
      core_.metrics().tcp.seriesFor({record_.inbound ? observe::Direction::kInbound : observe::Direction::kOutbound,
                                     record_.listener,
                                     {},
                                     record_.service});
}

void TcpConnection::start() {
  transport().setWatcher(this);
  serving_ = serve();
  serving_.start(*this);
}

loop::Task<void> TcpConnection::serve() {
  Result<void> outcome = co_await loop::asResult(connect());
  if (outcome) outcome = co_await loop::asResult(relay());
  end(outcome ? Failure{Reason::kOk} : outcome.error());
  co_return loop::done;
}

loop::Task<void> TcpConnection::connect() {
  const Ref<CoreSnapshot> snapshot = std::exchange(snapshot_, {});
  const model::Subset* const subset = std::exchange(subset_, nullptr);  // the snapshot's
  if (!has_chain_) co_return fail(Reason::kNoRoute, Reached::kNo);
  const Ref<upstream::ClusterState> cluster(snapshot->cluster(cluster_));
  if (!cluster) co_return fail(Reason::kNoService, Reached::kNo);
  for (;;) {
    endpoint_ = cluster->choose(core_.ids(), endpoint_.get(), std::nullopt, subset);
    if (!endpoint_) co_return std::unexpected(noEndpoint(*cluster, subset));
    if (subset && record_.attempts == 0) {
      noteSubset(record_, *cluster, *endpoint_, *subset, planIn(**snapshot).rule, core_.now());
    }
    if (cluster->panics() && record_.attempts == 0) {
      record_.decide(Outcome::kPanicked, {}, static_cast<uint16_t>(cluster->available()), core_.now());
    }
    ++record_.attempts;
    record_.endpoint = endpoint_->endpoint.text;
    record_.decide(Outcome::kEndpointChosen, {}, endpoint_->index, core_.now());
    upstream::Permits::Permit slot;
    co_await findSlot(*cluster, slot);
    const net::Patience patience{.stall = cluster->pool().connect,
                                 .stalled = Failure{Reason::kConnectTimeout, Reached::kNo, 0}};
    Result<Connected> connected =
        co_await loop::asResult(connectTo(core_, *cluster, *endpoint_, patience, tls::Carries::kBytes));
    if (connected) {
      ++endpoint_->requests;
      record_.decide(Outcome::kConnected, {}, record_.attempts, core_.now());
      record_.upstream = core_.now() - record_.start;
      lease_ = upstream::Lease(endpoint_,
                               std::make_unique<upstream::Connection>(std::move(connected->stream), connected->tls,
                                                                      core_.now(), std::move(slot)),
                               core_.metrics());
      co_return loop::done;
    }
    ++endpoint_->failures;
    record_.decide(Outcome::kAttemptFailed, {}, static_cast<uint16_t>(connected.error().reason), core_.now());
    if (!mayTryAnother(connected.error(), record_.attempts, cluster->countOf(subset))) {
      co_return std::unexpected(connected.error());
    }
  }
}

// One of the connections that the service may have.
loop::Task<void> TcpConnection::findSlot(upstream::ClusterState& cluster, upstream::Permits::Permit& slot) {
  slot = takeSlot(core_, cluster);
  if (slot) co_return loop::done;
  const net::Patience patience{.stall = cluster.options().limits.pending_timeout, .stalled = connectionsFull(cluster)};
  upstream::GrantedConnection granted;
  co_await awaitConnection(core_, cluster, record_, {.patience = patience}, granted);
  slot = std::move(granted.slot);
  co_return loop::done;
}

loop::Task<void> TcpConnection::relay() {
  relay_.emplace(ByteRelay::Parts{.client = transport(),
                                  .upstream = lease_.stream(),
                                  .scratch = core_.bodyScratch(),
                                  .write_stall = write_stall_,
                                  .received = &record_.bytes_received,
                                  .sent = &record_.bytes_sent});
  if (idle_.count()) core_.loop().arm(*this, idle_);
  co_await relay_->run({});
  co_return loop::done;
}

void TcpConnection::run() {
  if (!serving_.isEnded()) {
    if (!transport().hasError()) return;  // a FIN is passed on behind what came before it
    abandon(Reason::kClientReset);
  }
  core_.remove(*this);
}

void TcpConnection::onTime() {
  if (is_recorded_) return;
  // Somebody takes what was sent to him, if slowly.
  const bool is_moving = relay_->isHeldUp() && relay_->taken() != taken_;
  taken_ = relay_->taken();
  const Deadline end = Deadline::after(is_moving ? core_.now() : relay_->activeAt(), idle_);
  if (!end.hasPassed(core_.now())) return core_.loop().timers().arm(*this, end);
  abandon(Reason::kTcpIdle);
  core_.remove(*this);
}

void TcpConnection::abandon(Reason reason) {
  if (is_recorded_) return;
  serving_.destroy();
  end(Failure{reason});
}

void TcpConnection::end(const Failure& outcome) {
  const Instant now = core_.now();
  is_recorded_ = true;
  record_.reason = outcome.reason;
  record_.detail = outcome.detail;
  record_.duration = std::max(Duration(0), now - record_.start);
  if (outcome.reason == Reason::kOk) {
    record_.decide(Outcome::kCompleted, {}, 0, now);
  } else {
    record_.decide(Outcome::kFailed, {}, static_cast<uint16_t>(outcome.reason), now);
    transport().resetOnClose();
    if (lease_) lease_.stream().resetOnClose();
  }
  core_.metrics().downstream_bytes_received.add(record_.bytes_received);
  core_.metrics().downstream_bytes_sent.add(record_.bytes_sent);
  core_.record(record_, *series_);
}

}  // namespace remora::proxy
