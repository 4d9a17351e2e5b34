#include "control/listener_builder.h"

#include <algorithm>

#include "base/ascii.h"
#include "control/addresses.h"

namespace remora::control {

namespace {

using model::SocketAddress;

bool isAnyHost(const SocketAddress& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

// Whether both can't be bound at once. "::" beside "0.0.0.0" can: IPv6 sockets are bound for IPv6 only.
bool clash(const SocketAddress& a, const SocketAddress& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == SocketAddress::Kind::kUnix) return a.host == b.host;
  if (a.port != b.port || a.port == 0) return false;
  const bool is_same_family = (a.host.find(':') == std::string::npos) == (b.host.find(':') == std::string::npos);
  return a.host == b.host || (is_same_family && (isAnyHost(a) || isAnyHost(b)));
}

// Whether connecting to `endpoint` from this machine reaches the listener.
bool reaches(const SocketAddress& endpoint, const SocketAddress& listener) {
  if (endpoint.kind == SocketAddress::Kind::kUnix || listener.kind == SocketAddress::Kind::kUnix) {
    return endpoint.kind == listener.kind && endpoint.host == listener.host;
  }
  if (endpoint.kind != SocketAddress::Kind::kIp || endpoint.port != listener.port) return false;
  if (endpoint.host == listener.host) return true;
  const bool is_same_family =
      (endpoint.host.find(':') == std::string::npos) == (listener.host.find(':') == std::string::npos);
  return is_same_family && isLoopback(endpoint) && isAnyHost(listener);
}

std::string freeName(const std::string& wanted, const auto& isTaken) {
  if (!isTaken(wanted)) return wanted;
  for (size_t number = 2;; ++number) {
    std::string name = wanted + "-" + std::to_string(number);
    if (!isTaken(name)) return name;
  }
}

bool hasCluster(const model::Config& config, std::string_view name) {
  return std::ranges::any_of(
      config.clusters, [&](const model::Cluster& cluster) { return ascii::equalsIgnoreCase(cluster.name, name); });
}

// What `app` or --inbound says, rather than a service with options of its own.
bool isApp(const model::Origin& origin) {
  return origin.path.starts_with("inbound[") || origin.path.starts_with("--inbound");
}

// What it is, without its name and where it was written.
model::Cluster withoutPlaces(model::Cluster cluster) {
  cluster.name.clear();
  cluster.origin = {};
  for (model::Endpoint& endpoint : cluster.endpoints) endpoint.origin = {};
  if (cluster.tls) {
    cluster.tls->origin = {};
    if (cluster.tls->certificate) cluster.tls->certificate->origin = {};
  }
  return cluster;
}

std::string placeOf(const model::Origin& origin) {
  return origin.line == 0 ? origin.path : "line " + std::to_string(origin.line) + " (" + origin.path + ")";
}

}  // namespace

std::string appCluster(model::Config& config, model::Cluster app) {
  for (const model::Cluster& cluster : config.clusters) {
    if (isApp(cluster.origin) && withoutPlaces(cluster) == withoutPlaces(app)) return cluster.name;
  }
  app.name = freeName("app", [&](const std::string& name) { return hasCluster(config, name); });
  config.clusters.push_back(std::move(app));
  return config.clusters.back().name;
}

HostedRoute routeToApp(const model::Origin& origin, const std::string& cluster) {
  HostedRoute route;
  route.hosts = {"*"};
  route.hosts_origin = origin;
  route.route.origin = origin;
  route.route.name = cluster;
  route.route.action = model::Forward{{{.cluster = cluster, .weight = 1, .origin = origin}}};
  return route;
}

std::vector<HostedRoute> routesByServiceName(const std::vector<model::Cluster>& clusters) {
  std::vector<HostedRoute> routes;
  for (const model::Cluster& cluster : clusters) {
    HostedRoute route = routeToApp(cluster.origin, cluster.name);
    route.hosts = {ascii::toLower(cluster.name)};
    routes.push_back(std::move(route));
  }
  return routes;
}

std::string listenerName(const model::Config& config, model::Direction direction, const SocketAddress& address) {
  std::string name = direction == model::Direction::kInbound ? "inbound-" : "outbound-";
  if (address.kind == SocketAddress::Kind::kUnix) {
    for (const char c : address.host.substr(address.host.rfind('/') + 1)) {
      name += ascii::isTokenChar(c) ? c : '_';
    }
  } else {
    name += std::to_string(address.port);
  }
  return freeName(name, [&](const std::string& wanted) {
    return std::ranges::any_of(config.listeners, [&](const model::Listener& other) { return other.name == wanted; });
  });
}

void addListener(ConfigReader& reader, model::Config& config, model::Listener listener, model::HttpOptions http,
                 const std::vector<HostedRoute>& routes) {
  auto hosts = arrangeRoutes(routes);
  if (!hosts) {
    reader.errorAt(listener.origin,
                   "its routes for all hosts, repeated for each host, come to more than " +
                       std::to_string(kMostMergedRoutes) + " routes",
                   "fewer hosts, or fewer routes without a host");
    return;
  }
  http.route_table = listener.name;
  config.route_tables.push_back({.origin = listener.origin, .name = listener.name, .hosts = std::move(*hosts)});
  listener.default_chain.name = listener.name;
  listener.default_chain.http = std::move(http);
  config.listeners.push_back(std::move(listener));
}

void refuseClashes(ConfigReader& reader, const model::Config& config, const model::Origin& admin_origin) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const model::Listener& listener = config.listeners[i];
    for (size_t j = 0; j < i; ++j) {
      const model::Listener& earlier = config.listeners[j];
      if (clash(listener.address, earlier.address)) {
        reader.errorAt(listener.origin,
                       model::toText(listener.address) + " is taken by the listener in " + placeOf(earlier.origin),
                       "an address of its own");
      }
      if (listener.name == earlier.name) {
        reader.errorAt(listener.origin,
                       "the name " + quoted(listener.name) + " is taken by the listener in " + placeOf(earlier.origin),
                       "a name of its own");
      }
    }
    if (config.admin && clash(*config.admin, listener.address)) {
      reader.errorAt(admin_origin,
                     model::toText(*config.admin) + " is taken by the listener in " + placeOf(listener.origin),
                     "an address of its own");
    }
  }
  for (const model::Cluster& cluster : config.clusters) {
    for (const model::Endpoint& endpoint : cluster.endpoints) {
      for (const model::Listener& listener : config.listeners) {
        if (!reaches(endpoint.address, listener.address)) continue;
        const std::string text = model::toText(endpoint.address);
        if (isApp(endpoint.origin) && listener.direction == model::Direction::kInbound) {
          reader.errorAt(endpoint.origin, text + " is the listener itself: requests would go round in a circle",
                         "the address where the application listens");
        } else {
          reader.warningAt(endpoint.origin, text + " is the listener in " + placeOf(listener.origin) +
                                                ": requests may go round in a circle");
        }
      }
    }
  }
}

}  // namespace remora::control
