// What YAML and command line flags share: from an address, options and routes to a listener with its route table and
// the clusters that shorthands stand for. Pure; belongs to one load.
#pragma once

#include <string>
#include <vector>

#include "control/config_reader.h"
#include "control/route_order.h"
#include "model/config.h"

namespace remora::control {

// The name of an application's cluster: of one that is the same and there already, else a new one named "app", "app-2",
// ...
std::string appCluster(model::Config& config, model::Cluster app);

// The last route, for all that no other takes.
HostedRoute routeToApp(const model::Origin& origin, const std::string& cluster);

// A route to each service by its name as the Host: what an outbound listener without routes has.
std::vector<HostedRoute> routesByServiceName(const std::vector<model::Cluster>& clusters);

// "inbound-8080", "outbound-app.sock"; with "-2" and so on when the name is taken.
std::string listenerName(const model::Config& config, model::Direction direction, const model::SocketAddress& address);

// Adds the listener and its table. `listener` has its name; `http.route_table` is set here.
void addListener(ConfigReader& reader, model::Config& config, model::Listener listener, model::HttpOptions http,
                 const std::vector<HostedRoute>& routes);

// Two listeners, or a listener and the admin pages, on one address; an application that is its own listener.
void refuseClashes(ConfigReader& reader, const model::Config& config, const model::Origin& admin_origin);

}  // namespace remora::control
