#include "control/listener_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/http2_reader.h"
#include "control/listener_builder.h"
#include "control/match_reader.h"
#include "control/route_reader.h"
#include "control/service_reader.h"
#include "control/tcp_reader.h"
#include "control/tls_reader.h"
#include "http/headers.h"

namespace remora::control {

namespace {

class ListenerReader {
 public:
  ListenerReader(ConfigReader& reader, model::Config& config, const ListenerDefaults& defaults,
                 model::Direction direction, const std::vector<std::string_view>& services)
      : reader_(reader), config_(config), direction_(direction), services_(services) {
    listener_.direction = direction;
    listener_.limits = defaults.limits;
    listener_.timeouts = defaults.timeouts;
  }

  void read(const Place& place);

 private:
  bool isInbound() const { return direction_ == model::Direction::kInbound; }
  void readAddress(Fields& fields);
  void readName(Fields& fields);
  void readProtocol(Fields& fields);
  void readTls(Fields& fields);
  void readHttp(Fields& fields);
  void addHttp(Fields& fields);
  void addTcp(Fields& fields);
  void refuseHttpKeys(const Fields& fields);
  void readUnixMode(Fields& fields);
  std::vector<HostedRoute> readWays(Fields& fields);
  struct App {
    model::Origin origin;
    std::string cluster;
  };
  std::optional<App> readApp(Fields& fields);

  ConfigReader& reader_;
  model::Config& config_;
  const model::Direction direction_;
  const std::vector<std::string_view>& services_;
  model::Listener listener_;
  model::HttpOptions http_;
};

void ListenerReader::read(const Place& place) {
  listener_.origin = reader_.origin(place);
  Fields fields(reader_, place, isInbound() ? kInboundSpec : kOutboundSpec);
  if (!fields.isOpen()) return;
  readAddress(fields);
  readName(fields);
  readUnixMode(fields);
  fields.read("backlog", listener_.backlog);
  if (const auto at = fields.find("limits")) readLimits(reader_, *at, listener_.limits);
  if (const auto at = fields.find("timeouts")) readTimeouts(reader_, *at, listener_.timeouts);
  fields.read("detection", listener_.detection);
  readProtocol(fields);
  readTls(fields);
  if (listener_.default_chain.protocol == model::Protocol::kTcp) {
    addTcp(fields);
  } else {
    addHttp(fields);
  }
}

// `tcp` alone says it, too.
void ListenerReader::readProtocol(Fields& fields) {
  model::Protocol& protocol = listener_.default_chain.protocol;
  if (fields.has("tcp")) protocol = model::Protocol::kTcp;
  fields.readWord("protocol", protocol);
  if (const auto at = fields.find("tcp"); at && protocol != model::Protocol::kTcp) {
    reader_.error(*at, "'tcp' has no effect: the protocol is " + fields.find("protocol")->node->text, "protocol: tcp");
  }
}

void ListenerReader::readTls(Fields& fields) {
  const std::optional<Place> at = fields.find("tls");
  if (!at) return;
  config_.tls_servers.push_back(readTlsServer(reader_, *at, listener_.name));
  listener_.default_chain.tls = listener_.name;
}

void ListenerReader::addHttp(Fields& fields) {
  readHttp(fields);
  if (const auto at = fields.find("http2")) {
    readHttp2(reader_, *at, http_.http2);
    if (listener_.default_chain.protocol == model::Protocol::kHttp1) {
      reader_.error(*at, "'http2' has no effect: the protocol is http1", "protocol: http2 or protocol: auto");
    }
  }
  const std::vector<HostedRoute> routes = readWays(fields);
  addListener(reader_, config_, std::move(listener_), std::move(http_), routes);
}

// Bytes are relayed as they are: nothing of HTTP can be said about them.
void ListenerReader::addTcp(Fields& fields) {
  refuseHttpKeys(fields);
  model::Chain& last = listener_.default_chain;
  last.name = listener_.name;
  if (const auto at = fields.find("tcp")) readTcp(reader_, *at, fields.forms("tcp"), services_, listener_);
  if (const std::optional<App> app = readApp(fields)) {
    if (last.tcp)
      reader_.errorAt(app->origin, "the application gets nothing: an item of 'tcp' has no match",
                      "either 'app', or an item without 'match'");
    last.tcp = model::TcpOptions{.cluster = app->cluster};
  }
  if (!fields.has("tcp") && !(isInbound() && fields.has("app"))) {
    reader_.error(fields.place(), "this listener leads nowhere", isInbound() ? "'app' or 'tcp'" : "'tcp'",
                  isInbound() ? "add for example app: 127.0.0.1:5432" : "add for example tcp: db");
  }
  config_.listeners.push_back(std::move(listener_));
}

void ListenerReader::refuseHttpKeys(const Fields& fields) {
  for (const std::string_view key : {"routes", "http2", "edge", "trusted_hops", "forwarded", "via", "request_id",
                                     "trace_context", "deadline_header", "client_fin", "merge_slashes"}) {
    const std::optional<Place> at = fields.find(key);
    if (!at) continue;
    reader_.error(*at, quoted(key) + " has no effect: with the protocol tcp nothing is read of what clients send",
                  "another protocol, or none of this", key == "routes" ? "choose a service with the key 'tcp'" : "");
  }
}

void ListenerReader::readAddress(Fields& fields) {
  const std::optional<Place> at = fields.find("listen");
  std::string text;
  if (!at || !reader_.readScalar(*at, fields.forms("listen"), text)) return;
  const Spelt<model::SocketAddress> address = parseListenAddress(text, isInbound() ? "0.0.0.0" : "127.0.0.1");
  if (!address) return reader_.error(*at, address.error());
  listener_.address = *address;
  listener_.origin = reader_.origin(*at);
}

void ListenerReader::readName(Fields& fields) {
  listener_.name = listenerName(config_, direction_, listener_.address);
  readLabel(reader_, fields, "name", listener_.name);
}

void ListenerReader::readHttp(Fields& fields) {
  fields.read("edge", http_.edge);
  fields.read("trusted_hops", http_.trusted_hops);
  fields.read("forwarded", http_.forwarded);
  fields.read("via", http_.via);
  fields.read("request_id", http_.request_id);
  fields.read("trace_context", http_.trace_context);
  fields.read("deadline_header", http_.deadline_header);
  http_.deadline_header = ascii::toLower(http_.deadline_header);
  // Neither what is no name nor what HTTP itself or remora gives a meaning.
  const bool is_free = isToken(http_.deadline_header) &&
                       http::headerIdOf(http_.deadline_header) == http::HeaderId::kOther &&
                       http_.deadline_header != "trailer" && http_.deadline_header != "expect";
  if (const auto at = fields.find("deadline_header"); at && !is_free) {
    reader_.error(*at, quoted(http_.deadline_header) + " can't be the header of a deadline",
                  "a name such as x-envoy-expected-rq-timeout-ms");
  }
  fields.readWord("client_fin", http_.client_fin);
  fields.read("merge_slashes", http_.merge_slashes);
  if (http_.via && !isToken(*http_.via)) {
    reader_.error(*fields.find("via"), quoted(*http_.via) + " is not a pseudonym", "a name without blanks");
  }
}

void ListenerReader::readUnixMode(Fields& fields) {
  const std::optional<Place> at = fields.find("unix_mode");
  std::string text;
  if (!at || !reader_.readScalar(*at, fields.forms("unix_mode"), text)) return;
  uint32_t mode = 0;
  bool is_octal = text.size() >= 3 && text.size() <= 4;
  for (const char c : text) {
    is_octal = is_octal && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  if (!is_octal || mode > 0777) {
    return reader_.error(*at, quoted(text) + " is not a file's permissions", "three octal digits such as \"0660\"");
  }
  listener_.unix_mode = mode;
}

// Routes, and what stands for routes.
std::vector<HostedRoute> ListenerReader::readWays(Fields& fields) {
  std::vector<HostedRoute> routes;
  if (const auto at = fields.find("routes")) routes = readRoutes(reader_, *at, fields.forms("routes"), services_);
  if (isInbound()) {
    if (!fields.has("app") && !fields.has("routes")) {
      reader_.error(fields.place(), "this listener leads nowhere", "'app' or 'routes'",
                    "add for example app: 127.0.0.1:3000");
    }
    if (const std::optional<App> app = readApp(fields)) routes.push_back(routeToApp(app->origin, app->cluster));
    return routes;
  }
  if (fields.has("routes")) return routes;
  if (services_.empty()) {
    reader_.error(fields.place(), "this listener leads nowhere", "'routes', or at least one service under 'services'",
                  "add for example services: { orders: \"10.0.0.1:8080\" }");
  }
  std::vector<model::Cluster> named;
  for (const model::Cluster& cluster : config_.clusters) {
    if (std::ranges::find(services_, cluster.name) != services_.end()) named.push_back(cluster);
  }
  return routesByServiceName(named);
}

// Nothing where there is none, or where it can't be read.
std::optional<ListenerReader::App> ListenerReader::readApp(Fields& fields) {
  if (!isInbound()) return std::nullopt;
  const std::optional<Place> at = fields.find("app");
  if (!at) return std::nullopt;
  model::Cluster cluster;
  if (at->isMap()) {
    cluster = readService(reader_, *at);
    if (cluster.endpoints.empty()) return std::nullopt;
  } else {
    const std::optional<model::Endpoint> endpoint = control::readAddress(reader_, *at, fields.forms("app"));
    if (!endpoint) return std::nullopt;
    cluster.origin = endpoint->origin;
    cluster.endpoints.push_back(*endpoint);
  }
  const model::Origin origin = cluster.origin;
  return App{origin, appCluster(config_, std::move(cluster))};
}

}  // namespace

void readListener(ConfigReader& reader, const Place& place, model::Direction direction,
                  const ListenerDefaults& defaults, const std::vector<std::string_view>& services,
                  model::Config& config) {
  ListenerReader(reader, config, defaults, direction, services).read(place);
}

void readLimits(ConfigReader& reader, const Place& place, model::Limits& limits) {
  Fields fields(reader, place, kLimitsSpec);
  if (!fields.isOpen()) return;
  fields.read("head", limits.head);
  fields.read("header_count", limits.header_count);
  fields.read("target", limits.target);
  fields.read("trailers", limits.trailers);
  fields.read("chunk_extensions", limits.chunk_extensions);
  fields.read("requests_per_connection", limits.requests_per_connection);
  fields.read("connections", limits.connections);
  fields.read("host_bytes", limits.host_bytes);
  if (limits.target > limits.head) {
    reader.error(place,
                 "the target (" + sizeText(limits.target) + ") could be larger than the whole head (" +
                     sizeText(limits.head) + ")",
                 "a target of at most head");
  }
}

void readTimeouts(ConfigReader& reader, const Place& place, model::Timeouts& timeouts) {
  Fields fields(reader, place, kTimeoutsSpec);
  if (!fields.isOpen()) return;
  fields.read("header", timeouts.header);
  fields.read("body_stall", timeouts.body_stall);
  fields.read("write_stall", timeouts.write_stall);
  fields.read("idle", timeouts.idle);
}

}  // namespace remora::control
