// Reads `match` of a route: which requests. Pure; belongs to one load.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_reader.h"
#include "control/route_order.h"

namespace remora::control {

// Fills hosts and match of `route`; without a host, "*".
void readMatch(ConfigReader& reader, const Place& place, HostedRoute& route);

// Networks such as 10.0.0.0/8, one or a list.
void readNetworks(ConfigReader& reader, const Place& place, std::span<const Form> forms, std::vector<std::string>& out);

// "" when it is a name that a request's host can have (or IP address), else what is wrong with it.
std::optional<Misspelt> refuseHost(std::string_view text);

bool isToken(std::string_view text);  // RFC 9110 section 5.6.2

}  // namespace remora::control
