// All configuration at one instant, as plain data: what every front end (YAML, Envoy bootstrap, xDS, Linkerd)
// produces and the one compiler turns into a Snapshot. Immutable once handed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "model/listener.h"
#include "model/overload.h"
#include "model/rate_limit_service.h"
#include "model/routes.h"
#include "model/telemetry.h"
#include "model/tls.h"

namespace remora::model {

struct Drain {
  Milliseconds delay{1'000};   // accept goes on this long after SIGTERM, so that balancers notice
  Milliseconds grace{30'000};  // running exchanges may take this long to finish

  bool operator==(const Drain&) const = default;
};

struct Config {
  std::string source;  // file name, or "command line"
  std::vector<Listener> listeners;
  std::vector<RouteTable> route_tables;
  std::vector<Cluster> clusters;
  std::vector<TlsServer> tls_servers;                 // named by chains
  std::vector<RateLimitService> rate_limit_services;  // named by routes
  Telemetry telemetry;
  std::optional<SocketAddress> admin;  // loopback address or Unix socket
  bool admin_public = false;           // the user asked for an admin address that isn't loopback
  Drain drain;
  std::string zone;  // where this process runs; empty: not known
  Overload overload;
  uint32_t cores = 0;  // 0: the cgroup's CPU quota rounded up, at most 2 without a quota
};

}  // namespace remora::model
