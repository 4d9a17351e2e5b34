#include "control/service_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/concurrency_reader.h"
#include "control/endpoints_reader.h"
#include "control/health_check_reader.h"
#include "control/http2_reader.h"
#include "control/resilience_reader.h"
#include "control/suggest.h"
#include "control/tls_reader.h"

namespace remora::control {

namespace {

// Services are reached by their name as a Host where an outbound listener has no routes.
std::optional<Misspelt> refuseServiceName(std::string_view name) {
  constexpr size_t kLongest = 128;
  if (isHostName(name) && name.size() <= kLongest) return std::nullopt;
  return Misspelt{"the service name " + quoted(name) + " can't be a host name",
                  "letters, digits, '-', '_' and '.', at most " + std::to_string(kLongest)};
}

// Which of its endpoints a process uses.
void readSelection(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  service.read("subset_size", cluster.subset_size);
  service.read("zone_aware", cluster.zone_aware);
  if (!cluster.zone_aware || cluster.subset_size == 0) return;
  reader.error(*service.find("zone_aware"),
               "'zone_aware' and 'subset_size' exclude each other: a subset by chance may have none of the own zone",
               "one of them");
}

// After the balancing.
void refuseZoneByHash(ConfigReader& reader, Fields& service, const model::Cluster& cluster) {
  const bool is_by_hash = cluster.balance == model::Balance::kRingHash || cluster.balance == model::Balance::kMaglev;
  if (!cluster.zone_aware || !is_by_hash) return;
  reader.error(*service.find("zone_aware"), "'zone_aware' has no effect: the hash alone decides where a request goes",
               "another 'balance' such as least_request");
}

void readOptions(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  readResilience(reader, service, cluster);
  refuseZoneByHash(reader, service, cluster);
  readConcurrency(reader, service, cluster);
  if (const auto at = service.find("timeouts")) {
    Fields fields(reader, *at, kServiceTimeoutsSpec);
    if (fields.isOpen()) {
      fields.read("connect", cluster.pool.connect);
      fields.read("idle", cluster.pool.idle);
      fields.read("max_age", cluster.pool.max_age);
      fields.read("write_stall", cluster.pool.write_stall);
    }
  }
  if (const auto at = service.find("limits")) {
    Fields fields(reader, *at, kServiceLimitsSpec);
    if (fields.isOpen()) {
      fields.read("requests", cluster.limits.requests);
      fields.read("pending", cluster.limits.pending);
      fields.read("pending_timeout", cluster.limits.pending_timeout);
      fields.read("low_share", cluster.limits.low_percent);
      fields.read("connections", cluster.limits.connections);
      fields.read("retries", cluster.limits.retries);
      fields.read("idle_connections", cluster.pool.max_idle);
      fields.read("requests_per_connection", cluster.pool.max_requests);
    }
  }
}

// After the endpoints, whose names TLS verifies.
void readTransport(ConfigReader& reader, Fields& service, model::Cluster& cluster) {
  service.readWord("protocol", cluster.protocol);
  if (const auto at = service.find("tls")) readTlsClient(reader, *at, service.forms("tls"), cluster);
  const std::optional<Place> at = service.find("http2");
  if (!at) return;
  readHttp2(reader, *at, cluster.http2);
  if (cluster.protocol == model::Protocol::kHttp1) {
    reader.error(*at, "'http2' has no effect: the protocol is http1", "protocol: http2 or protocol: auto");
  } else if (cluster.protocol == model::Protocol::kAuto && !service.has("tls")) {
    reader.error(*at, "'http2' has no effect: without TLS the protocol auto is HTTP/1", "protocol: http2, or 'tls'");
  }
}

}  // namespace

std::vector<model::Cluster> readServices(ConfigReader& reader, const Place& place, std::span<const Form> forms) {
  std::vector<model::Cluster> clusters;
  std::vector<std::pair<std::string, Place>> seen;  // in lower case
  for (const auto& [name, at] : reader.entries(place, forms)) {
    if (const std::optional<Misspelt> refused = refuseServiceName(name)) reader.error(at, *refused);
    seen.emplace_back(ascii::toLower(name), at);
    model::Cluster cluster;
    if (at.isMap()) {
      cluster = readService(reader, at);
    } else {
      cluster.origin = reader.origin(at);
      readEndpoints(reader, at, forms[0].items, cluster);
    }
    cluster.name = name;
    clusters.push_back(std::move(cluster));
  }
  std::ranges::sort(seen, {}, [](const auto& pair) { return std::pair(pair.first, pair.second.node->line); });
  for (size_t i = 1; i < seen.size(); ++i) {
    // The same spelling was reported as a repeated key.
    if (seen[i].first != seen[i - 1].first || seen[i].second.path == seen[i - 1].second.path) continue;
    reader.error(seen[i].second, "this service differs from another only in case", "host names that differ");
  }
  return clusters;
}

model::Cluster readService(ConfigReader& reader, const Place& place) {
  model::Cluster cluster;
  cluster.origin = reader.origin(place);
  Fields fields(reader, place, kServiceSpec);
  if (!fields.isOpen()) return cluster;
  if (const auto list = fields.find("endpoints")) readEndpoints(reader, *list, fields.forms("endpoints"), cluster);
  readSelection(reader, fields, cluster);
  readOptions(reader, fields, cluster);
  readTransport(reader, fields, cluster);
  readHealthCheck(reader, fields, cluster);
  return cluster;
}

void readServiceName(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                     const std::vector<std::string_view>& services, std::string& out) {
  if (!reader.readScalar(place, forms, out)) return;
  if (std::ranges::find(services, out) != services.end()) return;
  if (reader.isFull()) return;  // looking for the nearest of thousands of names takes long
  if (services.empty()) {
    reader.error(place, "there is no service " + quoted(out), "a name under 'services', which is empty or missing");
    return;
  }
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(services.size(), 10); ++i)
    names += (i == 0 ? "" : ", ") + std::string(services[i]);
  if (services.size() > 10) names += ", ...";
  reader.error(place, "there is no service " + quoted(out), "one of " + names, std::string(nearestName(out, services)));
}

std::optional<model::Endpoint> readAddress(ConfigReader& reader, const Place& place, std::span<const Form> forms) {
  std::string text;
  if (!reader.readScalar(place, forms, text)) return std::nullopt;
  const Spelt<model::SocketAddress> address = parseEndpointAddress(text);
  if (!address) {
    reader.error(place, address.error());
    return std::nullopt;
  }
  model::Endpoint endpoint;
  endpoint.origin = reader.origin(place);
  endpoint.address = *address;
  return endpoint;
}

}  // namespace remora::control
