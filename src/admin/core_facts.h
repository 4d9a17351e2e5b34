// What a core knows of its services, copied on that core for the admin side, and the sum over all cores. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "proxy/core.h"

namespace remora::admin {

struct EndpointFacts {
  std::string address;
  std::string name;  // of DNS, when it came from there
  std::string zone;
  model::Labels labels;
  std::string source;  // where it was written, and the record that led to it
  uint32_t weight = 1;
  uint32_t priority = 0;
  uint64_t active = 0;    // exchanges under way
  uint64_t idle = 0;      // connections in the pool
  uint64_t requests = 0;  // attempts
  uint64_t failures = 0;  // attempts without a response
  bool is_ejected = false;
  Duration learned_idle{0};  // after which the application closes idle connections; 0: not known
};

// What holds requests to a service back, and whom it does now.
struct HoldingFacts {
  uint32_t limit = 0;  // of requests at once; 0: none
  bool is_adaptive = false;
  uint32_t active = 0;  // counted only where there is a limit
  uint32_t waiting = 0;
  Duration min_rtt{0};         // of the adaptive limit; 0: not measured yet
  std::string_view breaker;    // its state; empty: none is configured
  uint32_t error_percent = 0;  // that opened it
  Duration open_left{0};
  bool has_admission = false;
  uint32_t refused_percent = 0;  // by admission control
};

struct ClusterFacts {
  std::string name;
  uint64_t version = 0;  // of its endpoint set; 0: none has arrived
  bool has_dns_failed = false;
  HoldingFacts holding;
  std::vector<EndpointFacts> endpoints;
};

struct CoreFacts {
  uint64_t connections = 0;  // of clients
  uint32_t generation = 0;   // 0: no Snapshot has arrived
  std::vector<ClusterFacts> clusters;
};

// On the core's own loop.
CoreFacts copyCoreFacts(proxy::Core& core);

// Clusters by name and endpoints by address and name, in the order of their first core; the learned idle time is the
// shortest.
std::vector<ClusterFacts> sumClusters(const std::vector<std::optional<CoreFacts>>& cores);

}  // namespace remora::admin
