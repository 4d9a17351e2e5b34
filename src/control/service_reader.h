// Reads `services`: what routes can forward to. Pure; belongs to one load.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/cluster.h"

namespace remora::control {

// All of them, by name.
std::vector<model::Cluster> readServices(ConfigReader& reader, const Place& place, std::span<const Form> forms);

// One service as a mapping; it has no name yet.
model::Cluster readService(ConfigReader& reader, const Place& place);

// The name of one of `services`; an error, and `out` all the same, when it is another.
void readServiceName(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                     const std::vector<std::string_view>& services, std::string& out);

// An endpoint by its address alone; nothing (and an error) when it can't be read.
std::optional<model::Endpoint> readAddress(ConfigReader& reader, const Place& place, std::span<const Form> forms);

}  // namespace remora::control
