// The hash ring over some endpoints. Pure; any thread.
#pragma once

#include <memory>
#include <span>

#include "model/cluster.h"
#include "upstream/endpoint_set.h"

namespace remora::upstream {

// Positions are those of `endpoints`; only the preferred priority gets anything. Null where `balance` takes no hash.
std::shared_ptr<const HashRing> ringOf(model::Balance balance, std::span<const Endpoint* const> endpoints);

}  // namespace remora::upstream
