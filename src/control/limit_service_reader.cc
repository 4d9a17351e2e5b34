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

void refuse(ConfigReader& reader, Fields& fields, std::string_view key, std::string_view why, std::string expected) {
  const std::optional<Place> at = fields.find(key);
  if (at) reader.error(*at, quoted(key) + " has no effect: " + std::string(why), std::move(expected));
}

// What Envoy's service takes for a text: it refuses empty ones.
void readEntryText(ConfigReader& reader, Fields& fields, std::string_view key, size_t most, std::string& out) {
  const std::optional<Place> at = fields.find(key);
  if (!at || !reader.readScalar(*at, fields.forms(key), out)) return;
  if (out.empty() || out.size() > most) {
    reader.error(*at, quoted(key) + " has " + std::to_string(out.size()) + " bytes",
                 "a text of 1 to " + std::to_string(most) + " bytes");
  }
}

void readRedis(ConfigReader& reader, Fields& fields, model::RateLimitService& service) {
  fields.read("user", service.user);
  fields.readFile("password_file", service.password_file);
  fields.read("database", service.database);
  readLabel(reader, fields, "prefix", service.prefix);
  refuse(reader, fields, "domain", "a Redis has none", "'prefix', or a 'grpc' service");
  if (!service.user.empty() && service.password_file.empty()) {
    reader.error(*fields.find("user"), "'user' has no effect without a password", "'password_file' beside it");
  }
}

void readGrpc(ConfigReader& reader, Fields& fields, model::RateLimitService& service) {
  service.kind = model::RateLimitService::Kind::kGrpc;
  readEntryText(reader, fields, "domain", model::kLongestDomain, service.domain);
  if (!fields.has("domain")) {
    reader.error(fields.place(), "'domain' is missing", "the domain of the limits that the gRPC service has",
                 "domain: shop");
  }
  for (const std::string_view key : {"user", "password_file", "database", "prefix"}) {
    refuse(reader, fields, key, "only a Redis has it", "no " + quoted(key));
  }
}

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
  if (const auto at = fields.find("grpc")) {
    readServiceName(reader, *at, fields.forms("grpc"), services, service.cluster);
  }
  if (fields.has("grpc")) {
    readGrpc(reader, fields, service);
  } else {
    readRedis(reader, fields, service);
  }
  fields.read("timeout", service.timeout);
  fields.readWord("on_failure", service.on_failure);
  fields.read("pending", service.pending);
  fields.read("stall", service.stall);
  fields.read("backoff", service.backoff);
  fields.read("backoff_most", service.backoff_most);
  refuseLonger(reader, place, "backoff", service.backoff, service.backoff_most);
  if (service.stall < service.timeout) {
    reader.error(place, "'stall' is shorter than 'timeout'", "a stall of at least timeout");
  }
  return service;
}

void readDescriptor(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                    model::Descriptor& descriptor) {
  const std::vector<Place> items = reader.items(place, forms);
  if (items.empty() || items.size() > model::kDescriptorEntriesMost) {
    descriptor.emplace_back();  // it was meant to be one
    if (items.empty()) return;  // which is said already
    return reader.error(place, std::to_string(items.size()) + " entries",
                        "1 to " + std::to_string(model::kDescriptorEntriesMost));
  }
  for (const Place& item : items) {
    Fields fields(reader, item, kDescriptorEntrySpec);
    if (!fields.isOpen()) continue;
    model::DescriptorEntry& entry = descriptor.emplace_back();
    readEntryText(reader, fields, "key", model::kLongestEntryKey, entry.key);
    if (fields.has("value")) {
      readEntryText(reader, fields, "value", model::kLongestEntryValue, entry.value);
    } else {
      entry.from = readHashKeyKind(reader, fields);
    }
  }
}

// The entries of one, or a list of entries for each of several.
void readDescriptors(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                     std::vector<model::Descriptor>& descriptors) {
  if (!place.isList() || place.node->items.empty() || !place.item(0).isList()) {
    return readDescriptor(reader, place, forms, descriptors.emplace_back());
  }
  const std::vector<Place> items = reader.items(place, forms);
  if (items.size() > model::kDescriptorsMost) {
    descriptors.emplace_back();
    return reader.error(place, std::to_string(items.size()) + " descriptors",
                        "at most " + std::to_string(model::kDescriptorsMost));
  }
  for (const Place& item : items) {
    model::Descriptor& descriptor = descriptors.emplace_back();
    if (!item.isList()) {
      reader.error(item, "an entry by itself beside lists of entries", "a list of entries for each descriptor");
      continue;
    }
    readDescriptor(reader, item, forms[0].items.subspan(1), descriptor);
  }
}

// How many and how often is what the service knows.
void readGrpcLimit(ConfigReader& reader, Fields& fields, model::SharedLimit& shared) {
  readDescriptors(reader, *fields.find("descriptors"), fields.forms("descriptors"), shared.descriptors);
  for (const std::string_view key : {"burst", "key", "keys", "name"}) {
    refuse(reader, fields, key, "the gRPC service knows it", "no " + quoted(key));
  }
  fields.read("shadow", shared.rate.shadow);
}

bool mayBeHttp2(const model::Config& config, const model::RateLimitService& service) {
  const auto cluster = std::ranges::find(config.clusters, service.cluster, &model::Cluster::name);
  return cluster == config.clusters.end() || cluster->mayBeHttp2();
}

// That the service counts by what the route gives.
void refuseOtherKind(ConfigReader& reader, const model::SharedLimit& limit, const model::RateLimitService& service) {
  const bool is_grpc = service.kind == model::RateLimitService::Kind::kGrpc;
  if (is_grpc == !limit.descriptors.empty()) return;
  reader.errorAt(limit.origin,
                 "the rate_limit_service " + quoted(service.name) +
                     (is_grpc ? " is gRPC, which counts by 'descriptors'" : " is a Redis, which counts by 'requests'"),
                 is_grpc ? "'descriptors' and no 'requests'" : "'requests' and no 'descriptors'");
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
    refuse(reader, fields, "descriptors", "this is counted by remora itself", "a 'service' beside it");
    return refuse(reader, fields, "name", "this is counted by remora itself", "a 'service' beside it");
  }
  model::SharedLimit& shared = route.shared_limit.emplace();
  shared.origin = reader.origin(*service);
  shared.name = route.name;
  fields.read("service", shared.service);
  if (fields.has("descriptors")) return readGrpcLimit(reader, fields, shared);
  readLabel(reader, fields, "name", shared.name);
  readRateLimit(reader, fields, shared.rate);
  refuse(reader, fields, "keys", "the service remembers who came", "no 'keys'");
}

void refuseUnknownLimitServices(ConfigReader& reader, const model::Config& config) {
  std::vector<std::string_view> names;
  std::string all;
  for (const model::RateLimitService& service : config.rate_limit_services) {
    if (service.kind == model::RateLimitService::Kind::kGrpc && !mayBeHttp2(config, service)) {
      reader.errorAt(service.origin,
                     "gRPC needs HTTP/2, which the service " + quoted(service.cluster) + " doesn't speak",
                     "protocol: http2 for the service");
    }
    names.push_back(service.name);
    all += (all.empty() ? "one of " : ", ") + service.name;
  }
  if (all.empty()) all = "a name under 'rate_limit_services', which is empty or missing";
  for (const model::RouteTable& table : config.route_tables) {
    for (const model::VirtualHost& host : table.hosts) {
      for (const model::Route& route : host.routes) {
        if (!route.shared_limit) continue;
        if (reader.isFull()) return;
        const auto known = std::ranges::find(names, route.shared_limit->service);
        if (known != names.end()) {
          refuseOtherKind(reader, *route.shared_limit, config.rate_limit_services[known - names.begin()]);
          continue;
        }
        reader.errorAt(route.shared_limit->origin,
                       "there is no rate_limit_service " + quoted(route.shared_limit->service), all,
                       std::string(nearestName(route.shared_limit->service, names)));
      }
    }
  }
}

}  // namespace remora::control
