#include "control/limit_service_reader.h"

#include <algorithm>

#include "control/resilience_reader.h"
#include "control/route_reader.h"
#include "control/service_reader.h"
#include "control/suggest.h"
#include "observe/limit_metrics.h"

namespace remora::control {
namespace {

// Each has a connection on every core, and series of metrics.
constexpr size_t kMostServices = observe::LimitMetrics::kMost;

model::RateLimitService readLimitService(ConfigReader& reader, const std::string& name, const Place& place,
                                         const std::vector<std::string_view>& services) {
  Fields fields(reader, place, kLimitServiceSpec);
  model::RateLimitService service;
  service.origin = reader.origin(place);
  service.name = name;
  if (!fields.isOpen()) return service;
  if (const auto at = fields.find("redis")) {
    readServiceName(reader, *at, fields.forms("redis"), services, service.cluster);
  }
  fields.read("user", service.user);
  fields.readFile("password_file", service.password_file);
  fields.read("database", service.database);
  readLabel(reader, fields, "prefix", service.prefix);
  fields.read("timeout", service.timeout);
  fields.readWord("on_failure", service.on_failure);
  fields.read("pending", service.pending);
  fields.read("stall", service.stall);
  fields.read("backoff", service.backoff);
  fields.read("backoff_most", service.backoff_most);
  if (service.backoff > service.backoff_most) {
    reader.error(place, "'backoff' is longer than 'backoff_most'", "a backoff_most of at least backoff");
  }
  if (service.stall < service.timeout) {
    reader.error(place, "'stall' is shorter than 'timeout'", "a stall of at least timeout");
  }
  if (!service.user.empty() && service.password_file.empty()) {
    reader.error(*fields.find("user"), "'user' has no effect without a password", "'password_file' beside it");
  }
  return service;
}

void refuse(ConfigReader& reader, Fields& fields, std::string_view key, std::string_view why, std::string expected) {
  const std::optional<Place> at = fields.find(key);
  if (at) reader.error(*at, quoted(key) + " has no effect: " + std::string(why), std::move(expected));
}

}  // namespace

std::vector<model::RateLimitService> readLimitServices(ConfigReader& reader, const Place& place,
                                                       std::span<const Form> forms,
                                                       const std::vector<std::string_view>& services) {
  std::vector<model::RateLimitService> found;
  for (const auto& [name, at] : reader.entries(place, forms)) {
    found.push_back(readLimitService(reader, name, at, services));
  }
  if (found.size() > kMostServices) {
    reader.error(place, std::to_string(found.size()) + " of them", "at most " + std::to_string(kMostServices));
  }
  return found;
}

void readRouteLimit(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Route& route) {
  if (place.isScalar()) {
    readRate(reader, place, forms, route.rate_limit.emplace());
    return;
  }
  Fields fields(reader, place, kRateLimitSpec);
  if (!fields.isOpen()) return;
  const std::optional<Place> service = fields.find("service");
  if (!service) {
    readRateLimit(reader, fields, route.rate_limit.emplace());
    return refuse(reader, fields, "name", "this is counted by remora itself", "a 'service' beside it");
  }
  model::SharedLimit& shared = route.shared_limit.emplace();
  shared.origin = reader.origin(*service);
  shared.name = route.name;
  fields.read("service", shared.service);
  readLabel(reader, fields, "name", shared.name);
  readRateLimit(reader, fields, shared.rate);
  refuse(reader, fields, "keys", "the service remembers who came", "no 'keys'");
}

void refuseUnknownLimitServices(ConfigReader& reader, const model::Config& config) {
  std::vector<std::string_view> names;
  std::string all;
  for (const model::RateLimitService& service : config.rate_limit_services) {
    names.push_back(service.name);
    all += (all.empty() ? "one of " : ", ") + service.name;
  }
  if (all.empty()) all = "a name under 'rate_limit_services', which is empty or missing";
  for (const model::RouteTable& table : config.route_tables) {
    for (const model::VirtualHost& host : table.hosts) {
      for (const model::Route& route : host.routes) {
        if (!route.shared_limit || std::ranges::find(names, route.shared_limit->service) != names.end()) continue;
        if (reader.isFull()) return;
        reader.errorAt(route.shared_limit->origin,
                       "there is no rate_limit_service " + quoted(route.shared_limit->service), all,
                       std::string(nearestName(route.shared_limit->service, names)));
      }
    }
  }
}

}  // namespace remora::control
