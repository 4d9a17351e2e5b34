// Reads `rate_limit_services`, and `rate_limit` of routes that name one. Pure; belongs to one load.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "model/config.h"

namespace remora::control {

std::vector<model::RateLimitService> readLimitServices(ConfigReader& reader, const Place& place,
                                                       std::span<const Form> forms,
                                                       const std::vector<std::string_view>& services);

// `rate_limit` of a route: counted here, or by a service.
void readRouteLimit(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Route& route);

// Once all is read: every service that a route names exists.
void refuseUnknownLimitServices(ConfigReader& reader, const model::Config& config);

}  // namespace remora::control
