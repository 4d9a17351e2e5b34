#include "upstream/subset_state.h"

#include <utility>

#include "upstream/endpoint_ring.h"

namespace remora::upstream {

SubsetState::SubsetState(model::Labels wanted, std::span<const Ref<EndpointState>> all, model::Balance balance)
    : labels(std::move(wanted)) {
  std::vector<const Endpoint*> members;
  for (const Ref<EndpointState>& state : all) {
    if (!model::hasAll(state->endpoint.labels, labels)) continue;
    endpoints.push_back(state);
    members.push_back(&state->endpoint);
  }
  ring = ringOf(balance, members);
}

}  // namespace remora::upstream
