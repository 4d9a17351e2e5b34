// Those of a cluster's endpoints that have some labels, as one core balances over them. Made when the first request
// asks for them, from one set of endpoints. Belongs to one core.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/ref.h"
#include "model/labels.h"
#include "upstream/balancer.h"
#include "upstream/endpoint_state.h"

namespace remora::upstream {

struct SubsetState {
  SubsetState(model::Labels wanted, std::span<const Ref<EndpointState>> all, model::Balance balance);

  const model::Labels labels;
  std::vector<Ref<EndpointState>> endpoints;
  std::shared_ptr<const HashRing> ring;  // where the cluster balances by hash
  Balancer balancer;
  size_t available = 0;
  uint64_t seen_version = 0;  // of the cluster's ClusterShared, that the balancer was made for
};

}  // namespace remora::upstream
