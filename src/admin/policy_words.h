// What a route and its services do about requests that fail, come too often or take long, a sentence each. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/cluster.h"
#include "model/routes.h"

namespace remora::admin {

// Of the route itself: what holds requests back, what goes wrong on purpose, when they are sent again or twice.
std::vector<std::string> policiesOf(const model::Route& route);
// Of one of its services.
std::vector<std::string> policiesOf(const model::Cluster& cluster);

}  // namespace remora::admin
