// Reads `routes` of a listener: each with its match, its action and what it changes. Pure; belongs to one load.
#pragma once

#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "control/route_order.h"

namespace remora::control {

// In the order of the file. `services` are the names that a route may forward to.
std::vector<HostedRoute> readRoutes(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                                    const std::vector<std::string_view>& services);

// A label of metrics and logs: short and printable. Reports and keeps `out` when it isn't.
void readLabel(ConfigReader& reader, Fields& fields, std::string_view key, std::string& out);

}  // namespace remora::control
