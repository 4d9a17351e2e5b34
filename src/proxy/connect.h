// How an attempt gets the connection, or the stream of one, that its request goes out on: from the endpoint's pool, or
// by connecting, with TLS where the service asks for it. Belongs to one core.
#pragma once

#include "loop/task.h"
#include "proxy/exchange.h"
#include "upstream/dial.h"

namespace remora::proxy {

enum class Freshness : uint8_t {
  kAny,    // a pooled connection will do
  kFresh,  // connect anew
};

using upstream::Connected;

// One of the connections that the service may have, at once or after those that nobody uses gave way. Empty: there is
// none.
upstream::Permits::Permit takeSlot(Core& core, upstream::ClusterState& cluster,
                                   model::Priority priority = model::Priority::kNormal);
// What who finds none fails with.
Failure connectionsFull(const upstream::ClusterState& cluster);

struct ConnectionTerms {
  upstream::ConnectionQueue* queue = nullptr;  // of the endpoint; null: only a new connection will do
  net::Patience patience;
  model::Priority priority = model::Priority::kNormal;
  bool may_wait = true;
};
// The service has as many connections as it may: until one more may be made, or one is given. Trail and metrics hear of
// it; what the references lead to holds until it ends.
loop::Task<void> awaitConnection(Core& core, upstream::ClusterState& cluster, observe::ExchangeRecord& record,
                                 ConnectionTerms terms, upstream::GrantedConnection& granted);

// Connects as the cluster asks, and counts. Both must hold until it ends. A failure always says that the endpoint got
// nothing.
loop::Task<Connected> connectTo(Core& core, const upstream::ClusterState& cluster, upstream::EndpointState& endpoint,
                                net::Patience patience, tls::Carries carries);

// A WebSocket over HTTP/2 may go only to who says that it takes one (RFC 8441 section 3): waits for the SETTINGS of the
// connection that was leased. Fails with kUpgradeRefused when it takes none.
loop::Task<void> awaitExtendedConnect(Exchange& exchange);

// Both lease exchange.endpoint into exchange.lease. Without waiting; false: nothing of the pool will do. HTTP/2
// connections are shared, so that kFresh means nothing to them.
bool leasePooled(Exchange& exchange, Freshness freshness);
// Notes what TLS settled for the connection that exchange.lease is of; that of a stream may be gone by now.
void describeLease(Exchange& exchange);
// Waits where the service may have no more connections. A failure always says that the endpoint got nothing of the
// request.
loop::Task<void> leaseConnected(Exchange& exchange, Freshness freshness);

}  // namespace remora::proxy
