#include "proxy/connect.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "proxy/hold_back.h"

namespace remora::proxy {
namespace {

net::Patience connectPatience(Exchange& exchange, const model::PoolOptions& options) {
  net::Patience patience = exchange.tryPatience(options.connect, Failure{Reason::kConnectTimeout, Reached::kNo, 0});
  patience.overdue.reached = Reached::kNo;
  return patience;
}

loop::Task<Connected> connectFor(Exchange& exchange) {
  const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  return connectTo(exchange.core, cluster, *exchange.endpoint, connectPatience(exchange, cluster.pool()),
                   tls::Carries::kHttp);
}

http::H2Bounds boundsOf(const Exchange& exchange, const upstream::ClusterState& cluster) {
  http::H2Bounds bounds = http::H2Bounds::of(cluster.http2(), exchange.limits(), {});
  bounds.write_stall = cluster.pool().write_stall;
  return bounds;
}

// False: no stream could be had of it after all.
bool leaseStream(Exchange& exchange, upstream::H2Connection& connection) {
  std::unique_ptr<http::H2Stream> stream = connection.open();
  if (!stream) return false;
  exchange.lease = upstream::Lease(exchange.endpoint, std::move(stream), exchange.core.metrics());
  exchange.shared_connection = &connection;
  return true;
}

Result<void> leaseFresh(Exchange& exchange, Connected connected, upstream::Permits::Permit slot) {
  using Learned = upstream::EndpointState::Learned;
  Core& core = exchange.core;
  upstream::EndpointState& endpoint = *exchange.endpoint;
  endpoint.learned = connected.is_http2 ? Learned::kHttp2 : Learned::kHttp1;
  exchange.describeUpstreamTls(connected.tls);
  if (connected.is_http2) {
    const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
    upstream::H2Connection& made = endpoint.h2_pool.add(std::move(connected.stream), connected.tls, core.scratch(),
                                                        boundsOf(exchange, cluster), std::move(slot));
    if (!leaseStream(exchange, made)) return fail(Reason::kUpstreamClosed, Reached::kNo);
    return {};
  }
  auto connection =
      std::make_unique<upstream::Connection>(std::move(connected.stream), connected.tls, core.now(), std::move(slot));
  if (const auto proof = connection->stream().proof()) connection->noteProofBase(proof->acknowledged);
  exchange.lease = upstream::Lease(exchange.endpoint, std::move(connection), core.metrics());
  return {};
}

// What was given by who needed it no longer.
bool leaseGiven(Exchange& exchange, upstream::GrantedConnection& given) {
  observe::CoreMetrics& metrics = exchange.core.metrics();
  if (given.connection) {
    exchange.lease = upstream::Lease(exchange.endpoint, std::move(given.connection), metrics);
  } else if (given.stream) {
    exchange.lease = upstream::Lease(exchange.endpoint, std::move(given.stream), metrics);
    exchange.shared_connection = given.shared;
  } else {
    return false;
  }
  describeLease(exchange);
  metrics.upstream_reused.add();
  exchange.record.reused = true;
  return true;
}

// The same as awaitConnection(), for a request.
loop::Task<void> awaitRoom(Exchange& exchange, Freshness freshness, upstream::GrantedConnection& granted) {
  Core& core = exchange.core;
  upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  const Failure full = connectionsFull(cluster);
  const Instant began = core.now();
  net::Patience patience = exchange.patience(cluster.options().limits.pending_timeout, full);
  patience.overdue.reached = Reached::kNo;
  exchange.waits_for_room = true;
  const Result<void> waited = co_await loop::asResult(
      awaitConnection(core, cluster, exchange.record,
                      {.queue = freshness == Freshness::kFresh ? nullptr : &exchange.endpoint->waiting,
                       .patience = patience,
                       .priority = exchange.plan.priority,
                       .may_wait = !exchange.is_copy},  // for a copy nobody waits
                      granted));
  if (!waited) {
    if (waited.error().reason == full.reason) {
      const std::string queue = describeQueue(*cluster.shared().connections.permits, began, core.now());
      exchange.held_back = fmt::format("limit {}, {}", full.detail, queue);
    }
    co_return waited;
  }
  // An attempt has its time from when it can be made.
  exchange.waits_for_room = false;
  exchange.sent_at = core.now();
  if (!exchange.try_deadline.isNever()) {
    exchange.try_deadline = Deadline::at(exchange.try_deadline.instant() + (core.now() - began));
  }
  co_return loop::done;
}

// Leaves either a lease, or a slot to connect with.
loop::Task<void> findRoom(Exchange& exchange, Freshness freshness, upstream::Permits::Permit& slot) {
  upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  slot = takeSlot(exchange.core, cluster, exchange.plan.priority);
  if (slot) co_return loop::done;
  upstream::GrantedConnection granted;
  co_await awaitRoom(exchange, freshness, granted);
  if (!leaseGiven(exchange, granted)) slot = std::move(granted.slot);
  co_return loop::done;
}

// Of a connection that exchanges share. Whoever finds none with room connects; who comes meanwhile waits for it.
loop::Task<void> leaseShared(Exchange& exchange, Freshness freshness) {
  using Learned = upstream::EndpointState::Learned;
  upstream::EndpointState& endpoint = *exchange.endpoint;
  upstream::H2Pool& pool = endpoint.h2_pool;
  const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  const model::PoolOptions& options = cluster.pool();
  for (;;) {
    while (pool.isConnecting()) {
      co_await upstream::ConnectingWait(pool, connectPatience(exchange, options));
      if (leasePooled(exchange, Freshness::kAny)) co_return loop::done;
      if (endpoint.learned == Learned::kHttp1) break;
    }
    const bool is_http2 = cluster.protocol() == model::Protocol::kHttp2 || endpoint.learned == Learned::kHttp2;
    upstream::Permits::Permit slot;
    co_await findRoom(exchange, is_http2 ? Freshness::kAny : freshness, slot);
    if (exchange.lease) co_return loop::done;
    if (pool.isConnecting() && endpoint.learned != Learned::kHttp1) continue;  // somebody began while this one waited
    std::optional<upstream::H2Pool::Connecting> connecting;
    if (!pool.isConnecting()) connecting.emplace(pool);
    co_return leaseFresh(exchange, co_await connectFor(exchange), std::move(slot));
  }
}

bool mayShare(const Exchange& exchange) {
  const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  if (cluster.protocol() == model::Protocol::kHttp2) return true;
  return exchange.endpoint->learned != upstream::EndpointState::Learned::kHttp1 && cluster.offersHttp2();
}

}  // namespace

upstream::Permits::Permit takeSlot(Core& core, upstream::ClusterState& cluster, model::Priority priority) {
  const std::shared_ptr<upstream::Permits>& slots = cluster.shared().connections.permits;
  upstream::Permits::Permit slot = upstream::Permits::take(slots, core.loop(), priority);
  if (!slot && slots->waiting() == 0 && cluster.retireIdle()) {
    slot = upstream::Permits::take(slots, core.loop(), priority);
  }
  return slot;
}

Failure connectionsFull(const upstream::ClusterState& cluster) {
  const auto most = static_cast<int32_t>(cluster.shared().connections.permits->most());
  return {Reason::kConnectionsFull, Reached::kNo, most};
}

loop::Task<void> awaitConnection(Core& core, upstream::ClusterState& cluster, observe::ExchangeRecord& record,
                                 ConnectionTerms terms, upstream::GrantedConnection& granted) {
  const Failure full = connectionsFull(cluster);
  const Instant began = core.now();
  record.decide(observe::Outcome::kConnectionsFull, {}, observe::trailNumber(full.detail), began);
  Result<void> waited = std::unexpected(full);
  if (terms.may_wait) {
    waited = co_await loop::asResult(upstream::ConnectionWait(terms.queue, cluster.shared().connections, core.loop(),
                                                              terms.patience, granted, terms.priority, full));
  }
  if (waited) {
    record.decide(observe::Outcome::kConnectionFree, {}, observe::trailMillis(core.now() - began), core.now());
  } else if (waited.error().reason == full.reason) {
    core.metrics().connections_overflowed.add();
  }
  co_return waited;
}

loop::Task<Connected> connectTo(Core& core, const upstream::ClusterState& cluster, upstream::EndpointState& endpoint,
                                net::Patience patience, tls::Carries carries) {
  observe::CoreMetrics& metrics = core.metrics();
  metrics.upstream_connects.add();
  const upstream::Dial how{.loop = core.loop(),
                           .connector = core.connector(),
                           .endpoint = endpoint.endpoint,
                           .address = endpoint.endpoint.address,
                           .protocol = cluster.protocol(),
                           .tls = cluster.tls(),
                           .cipher_memory = cluster.tls() ? &core.cipherMemory() : nullptr,
                           .sessions = &endpoint.sessions,
                           .carries = carries};
  Result<Connected> connected = co_await loop::asResult(upstream::dial(how, patience));
  if (!connected) metrics.upstream_connect_failures.add();
  co_return connected;
}

bool leasePooled(Exchange& exchange, Freshness freshness) {
  upstream::EndpointState& endpoint = *exchange.endpoint;
  observe::CoreMetrics& metrics = exchange.core.metrics();
  exchange.record.reused = false;
  if (upstream::H2Connection* const shared = endpoint.h2_pool.connectionWithRoom()) {
    if (!leaseStream(exchange, *shared)) return false;
    exchange.describeUpstreamTls(shared->tls());
  } else {
    if (freshness == Freshness::kFresh) return false;
    std::unique_ptr<upstream::Connection> connection = endpoint.pool.take();
    if (!connection) return false;
    exchange.describeUpstreamTls(connection->tls());
    exchange.lease = upstream::Lease(exchange.endpoint, std::move(connection), metrics);
  }
  metrics.upstream_reused.add();
  exchange.record.reused = true;
  return true;
}

void describeLease(Exchange& exchange) {
  if (!exchange.lease.h2()) return exchange.describeUpstreamTls(exchange.lease.connection().tls());
  const bool is_there = exchange.endpoint->h2_pool.holds(*exchange.shared_connection);
  exchange.describeUpstreamTls(is_there ? exchange.shared_connection->tls() : nullptr);
}

loop::Task<void> leaseConnected(Exchange& exchange, Freshness freshness) {
  if (mayShare(exchange)) {
    co_await leaseShared(exchange, freshness);
    co_return loop::done;
  }
  upstream::Permits::Permit slot;
  co_await findRoom(exchange, freshness, slot);
  if (exchange.lease) co_return loop::done;
  co_return leaseFresh(exchange, co_await connectFor(exchange), std::move(slot));
}

loop::Task<void> awaitExtendedConnect(Exchange& exchange) {
  upstream::H2Pool& pool = exchange.endpoint->h2_pool;
  const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  while (pool.holds(*exchange.shared_connection)) {
    const http::H2Session& session = exchange.shared_connection->session();
    if (session.peerAllowsExtendedConnect()) co_return loop::done;
    if (session.hasSettings()) co_return fail(Reason::kUpgradeRefused, Reached::kNo);
    co_await upstream::ConnectingWait(pool, connectPatience(exchange, cluster.pool()));
  }
  co_return fail(Reason::kUpstreamClosed, Reached::kNo);
}

}  // namespace remora::proxy
