// Reads `services`: what routes can forward to. Pure; belongs to one load.
#pragma once

#include <vector>

#include "control/config_reader.h"
#include "model/cluster.h"

namespace remora::control {

std::vector<model::Cluster> readServices(ConfigReader& reader, const Place& place, std::span<const Form> forms);

// An endpoint by its address alone; nothing (and an error) when it can't be read.
std::optional<model::Endpoint> readAddress(ConfigReader& reader, const Place& place, std::span<const Form> forms);

}  // namespace remora::control
