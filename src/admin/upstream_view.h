// The upstream half of an explanation: which services a route leads to, with which endpoints, and what the application
// would get. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "admin/explain.h"
#include "base/result.h"
#include "http/message.h"
#include "net/address.h"

namespace remora::admin {

// Of a route that forwards.
std::vector<Explanation::Service> servicesOf(const snapshot::Snapshot& snapshot, const route::CompiledRoute& route,
                                             std::span<const LiveService> live);

bool hasDnsFailed(const std::string& service, std::span<const LiveService> live);

std::vector<std::string> changesOf(const model::HeaderChanges& changes);

struct UpstreamQuestion {
  const http::Request& request;
  const snapshot::ListenerPlan& listener;
  const route::RouteChoice& choice;
  const net::Peer& peer;
};

// The request head as proxy/forwarding writes it, with <...> for what is made anew for each request. Fails as the data
// path would.
Result<std::string> upstreamHead(const UpstreamQuestion& question);

}  // namespace remora::admin
