// Which way does this request go? Pure: Snapshot, request and facts in, a Plan and a trail out. The data path and
// `explain` both call it, so they can't disagree.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "http/message.h"
#include "net/address.h"
#include "observe/exchange_record.h"
#include "route/route_table.h"
#include "snapshot/snapshot.h"
#include "tls/facts.h"

namespace remora::proxy {

struct Plan {
  enum class Action : uint8_t { kForward, kRedirect, kAnswer };
  Action action = Action::kForward;
  route::RouteChoice choice;
  uint32_t member = 0;                                // of the route's split
  uint32_t cluster = snapshot::Snapshot::kNoCluster;  // position in the Snapshot's clusters
  model::Priority priority = model::Priority::kNormal;
  Milliseconds timeout{0};
  Milliseconds idle_timeout{0};

  const model::Route& route() const { return *choice.route->source; }
};

struct Facts {
  net::Peer client;     // as believed, see model::HttpOptions::trusted_hops
  uint64_t random = 0;  // decides weighted splits; the same number gives the same plan
  Instant now;
  const tls::PeerIdentity* identity = nullptr;  // who the client proved to be; null: nobody
};

// Fails with kNoRoute or kNoService. Writes what it decided into the record's trail, and the names of route and
// service into the record.
Result<Plan> decide(const snapshot::Snapshot& snapshot, const snapshot::ListenerPlan& listener,
                    const http::Request& request, const Facts& facts, observe::ExchangeRecord& record);

// The input that routing reads, for matching and for near misses.
route::RouteInput routeInputOf(const http::Request& request, const net::Peer& client);

// The client that remora believes: the peer itself, or with trusted_hops = n the n-th address from the right of
// X-Forwarded-For. Falls back to the peer when there are fewer, or when the text there is no address.
net::Peer believedClient(const http::Headers& headers, const net::Peer& peer, uint32_t trusted_hops);

}  // namespace remora::proxy
