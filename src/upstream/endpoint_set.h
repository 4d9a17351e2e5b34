// The endpoints of one cluster at one moment: immutable, versioned, made by the cluster's one owner (on the control
// thread) and handed to every core. Never part of a Snapshot: an answer of DNS must not cost a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/labels.h"
#include "net/address.h"
#include "upstream/hash_ring.h"
#include "upstream/shared_state.h"

namespace remora::upstream {

struct Endpoint {
  net::Address address;
  std::string text;  // "10.1.2.3:8080", for logs and /clusters
  uint32_t weight = 1;
  uint32_t priority = 0;
  std::string zone;
  model::Labels labels;
  std::string name;    // the DNS name it came from, which TLS verifies; empty when it was given as an address
  std::string source;  // for people: where it was written, and the SRV record that led to it
  std::shared_ptr<EndpointHealth> health;  // the same in every set that has this address; null: nobody else looks at it

  bool operator==(const Endpoint&) const = default;
};

struct EndpointSet {
  uint64_t version = 0;
  std::vector<Endpoint> endpoints;        // in the order of the configuration; of one name sorted by address
  bool dns_failed = false;                // some name has no address yet, because DNS fails
  std::shared_ptr<ClusterShared> shared;  // the same in every set of a cluster; null: only one core uses it
  std::shared_ptr<const HashRing> ring;   // where the cluster balances by hash
};

using EndpointSetPtr = std::shared_ptr<const EndpointSet>;

}  // namespace remora::upstream
