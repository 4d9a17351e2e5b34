// Which endpoints of many one process uses, so that a thousand processes don't each connect to a thousand endpoints.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "upstream/endpoint_set.h"

namespace remora::upstream {

// Keeps the `most` endpoints of each priority that rank highest by a hash of `seed` and address (rendezvous hashing):
// one that comes or goes changes at most one other. In their order; `most` 0 keeps all.
void keepRandomSubset(std::vector<Endpoint>& endpoints, uint32_t most, uint64_t seed);

}  // namespace remora::upstream
