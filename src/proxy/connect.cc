#include "proxy/connect.h"

#include <optional>
#include <utility>

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

Result<void> leaseFresh(Exchange& exchange, Connected connected) {
  using Learned = upstream::EndpointState::Learned;
  Core& core = exchange.core;
  upstream::EndpointState& endpoint = *exchange.endpoint;
  endpoint.learned = connected.is_http2 ? Learned::kHttp2 : Learned::kHttp1;
  exchange.describeUpstreamTls(connected.tls);
  if (connected.is_http2) {
    const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
    upstream::H2Connection& made =
        endpoint.h2_pool.add(std::move(connected.stream), connected.tls, core.scratch(), boundsOf(exchange, cluster));
    if (!leaseStream(exchange, made)) return fail(Reason::kUpstreamClosed, Reached::kNo);
    return {};
  }
  auto connection = std::make_unique<upstream::Connection>(std::move(connected.stream), connected.tls, core.now());
  if (const auto proof = connection->stream().proof()) connection->noteProofBase(proof->acknowledged);
  exchange.lease = upstream::Lease(exchange.endpoint, std::move(connection), core.metrics());
  return {};
}

// Of a connection that exchanges share. Whoever finds none with room connects; who comes meanwhile waits for it.
loop::Task<void> leaseShared(Exchange& exchange) {
  upstream::H2Pool& pool = exchange.endpoint->h2_pool;
  const model::PoolOptions& options = exchange.snapshot->cluster(exchange.plan.cluster)->pool();
  while (pool.isConnecting()) {
    co_await upstream::ConnectingWait(pool, connectPatience(exchange, options));
    if (leasePooled(exchange, Freshness::kAny)) co_return loop::done;
    if (exchange.endpoint->learned == upstream::EndpointState::Learned::kHttp1) break;
  }
  std::optional<upstream::H2Pool::Connecting> connecting;
  if (!pool.isConnecting()) connecting.emplace(pool);
  co_await leaseFresh(exchange, co_await connectFor(exchange));
  co_return loop::done;
}

bool mayShare(const Exchange& exchange) {
  const upstream::ClusterState& cluster = *exchange.snapshot->cluster(exchange.plan.cluster);
  if (cluster.protocol() == model::Protocol::kHttp2) return true;
  return exchange.endpoint->learned != upstream::EndpointState::Learned::kHttp1 && cluster.offersHttp2();
}

}  // namespace

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

loop::Task<void> leaseConnected(Exchange& exchange) {
  if (mayShare(exchange)) {
    co_await leaseShared(exchange);
  } else {
    co_await leaseFresh(exchange, co_await connectFor(exchange));
  }
  co_return loop::done;
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
