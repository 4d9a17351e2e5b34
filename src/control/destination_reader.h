// Reads where a route leads: the name of a service, or those of its endpoints that have some labels. Pure; belongs to
// one load.
#pragma once

#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/routes.h"

namespace remora::control {

void readDestination(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                     const std::vector<std::string_view>& services, model::WeightedCluster& out);

}  // namespace remora::control
