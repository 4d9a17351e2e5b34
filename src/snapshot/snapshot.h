// All configuration at one instant, compiled: immutable, numbered, shared by all cores. An exchange pins the one it
// began with until its response head is sent. Made only by compile(); any thread may read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/validate.h"
#include "model/config.h"
#include "observe/access_log_format.h"
#include "route/route_table.h"
#include "snapshot/rate_limiter.h"
#include "snapshot/rule_book.h"
#include "snapshot/shared_limit.h"
#include "snapshot/tcp_chain.h"
#include "tls/context.h"

namespace remora::snapshot {

// A listener with everything that its requests need, in one place.
struct ListenerPlan {
  const model::Listener* source = nullptr;
  uint32_t index = 0;
  observe::RuleId rule;
  model::HttpOptions http;  // of the default chain
  http::RequestPolicy request_policy;
  const route::RouteTable* routes = nullptr;      // null: the default chain isn't HTTP
  std::shared_ptr<const tls::ServerContext> tls;  // null: plaintext; the same for each of its chains that has TLS
  std::vector<TcpChain> tcp_chains;               // in the order in which they are asked, the default chain last
};

struct Snapshot {
  static constexpr uint32_t kNoCluster = UINT32_MAX;

  uint32_t generation = 0;
  model::Config config;  // everything else points into this
  std::shared_ptr<RuleBook> rules;
  std::vector<ListenerPlan> listeners;  // as config.listeners
  std::vector<std::unique_ptr<const route::RouteTable>> route_tables;
  std::unordered_map<std::string_view, uint32_t> cluster_index;  // name -> position in config.clusters
  // For each forwarding route of each table the clusters by number: cluster_of[table][route index][member].
  std::unordered_map<const model::WeightedCluster*, uint32_t> cluster_of;
  std::unordered_map<const model::Route*, std::shared_ptr<RateLimiter>> rate_limiters;  // of those that have one
  std::unordered_map<const model::Route*, SharedLimit> shared_limits;                   // likewise
  std::vector<LimitService> limit_services;                                             // as config.rate_limit_services
  std::vector<std::shared_ptr<const tls::ClientContext>> tls_clients;  // as config.clusters; null: plaintext
  std::shared_ptr<const observe::AccessLogFormat> access_log;          // null: no access log

  uint32_t clusterOf(const model::WeightedCluster& member) const {
    const auto found = cluster_of.find(&member);
    return found == cluster_of.end() ? kNoCluster : found->second;
  }
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace remora::snapshot
