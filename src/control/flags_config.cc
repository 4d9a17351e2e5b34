#include <algorithm>
#include <exception>

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/listener_builder.h"
#include "control/telemetry_reader.h"
#include "control/yaml_config.h"

namespace remora::control {

namespace {

constexpr std::string_view kInboundExpected = "LISTEN=APP such as 8080=3000 or 0.0.0.0:8080=unix:/run/app.sock";
constexpr std::string_view kOutboundExpected = "LISTEN=SERVICE@ADDRESS such as 4140=orders@10.0.0.1:8080";

// What one --outbound says.
struct OutboundSpec {
  model::Origin origin;
  model::SocketAddress listen;
};

class FlagsReader {
 public:
  FlagsReader() : reader_("command line") {}

  LoadedConfig read(const std::vector<std::string>& inbound, const std::vector<std::string>& outbound,
                    const std::string& admin);

 private:
  static model::Origin originOf(std::string_view flag, const std::string& value) {
    return {.file = "command line", .path = std::string(flag) + " " + value};
  }
  void refuse(const model::Origin& where, const Misspelt& misspelt) {
    reader_.errorAt(where, misspelt.problem, misspelt.expected, misspelt.suggestion);
  }
  void readInbound(const std::string& value);
  void readOutbound(const std::string& value);
  void readService(const model::Origin& where, std::string_view text);
  void readAdmin(const std::string& value);
  void addOutboundListeners();
  void addListenerAt(const model::Origin& origin, model::Direction direction, const model::SocketAddress& address,
                     const std::vector<HostedRoute>& routes);

  ConfigReader reader_;
  model::Config config_;
  std::vector<OutboundSpec> outbound_;
  std::vector<std::string> services_;
};

LoadedConfig FlagsReader::read(const std::vector<std::string>& inbound, const std::vector<std::string>& outbound,
                               const std::string& admin) {
  config_.source = "command line";
  config_.telemetry.access_log.sink = model::AccessLog::Sink::kStdout;
  // Services first: their names are the user's, those of applications only derived.
  for (const std::string& value : outbound) readOutbound(value);
  for (const std::string& value : inbound) readInbound(value);
  addOutboundListeners();
  readAdmin(admin);
  if (inbound.empty() && outbound.empty()) {
    reader_.errorAt({.file = "command line"}, "there is no listener", "--inbound " + std::string(kInboundExpected));
  }
  refuseClashes(reader_, config_, originOf("--admin", admin));
  return {std::move(config_), reader_.takeErrors(), reader_.takeWarnings()};
}

void FlagsReader::readInbound(const std::string& value) {
  const model::Origin where = originOf("--inbound", value);
  const size_t equals = value.find('=');
  if (equals == std::string::npos) {
    const bool is_listen = parseListenAddress(value, "0.0.0.0").has_value();
    return refuse(where, {"the application's address is missing", std::string(kInboundExpected),
                          is_listen ? value + "=3000" : ""});
  }
  const Spelt<model::SocketAddress> listen = parseListenAddress(value.substr(0, equals), "0.0.0.0");
  const Spelt<model::SocketAddress> app = parseEndpointAddress(value.substr(equals + 1));
  if (!listen) refuse(where, listen.error());
  if (!app) refuse(where, app.error());
  if (!listen || !app) return;
  model::Endpoint endpoint;
  endpoint.origin = where;
  endpoint.address = *app;
  model::Cluster cluster;
  cluster.origin = where;
  cluster.endpoints.push_back(std::move(endpoint));
  const std::string name = appCluster(config_, std::move(cluster));
  addListenerAt(where, model::Direction::kInbound, *listen, {routeToApp(where, name)});
}

void FlagsReader::readOutbound(const std::string& value) {
  const model::Origin where = originOf("--outbound", value);
  const size_t equals = value.find('=');
  const Spelt<model::SocketAddress> listen = parseListenAddress(value.substr(0, equals), "127.0.0.1");
  if (!listen) return refuse(where, listen.error());
  const auto isSame = [&](const OutboundSpec& spec) { return spec.listen == *listen; };
  if (std::ranges::none_of(outbound_, isSame)) outbound_.push_back({where, *listen});
  if (equals != std::string::npos) readService(where, std::string_view(value).substr(equals + 1));
}

// "orders@10.0.0.1:8080,10.0.0.2:8080".
void FlagsReader::readService(const model::Origin& where, std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos || !isHostName(text.substr(0, at))) {
    return refuse(where, {"there is no service in " + quoted(text), std::string(kOutboundExpected)});
  }
  model::Cluster cluster;
  cluster.origin = where;
  cluster.name = std::string(text.substr(0, at));
  const auto isSame = [&](const model::Cluster& other) { return ascii::equalsIgnoreCase(other.name, cluster.name); };
  if (std::ranges::any_of(config_.clusters, isSame)) {
    return refuse(where, {"service " + quoted(cluster.name) + " is given twice",
                          "each service once, with its addresses separated by commas"});
  }
  ascii::forEachListMember(text.substr(at + 1), [&](std::string_view member) {
    const Spelt<model::SocketAddress> address = parseEndpointAddress(member);
    if (!address) return refuse(where, address.error());
    model::Endpoint endpoint;
    endpoint.origin = where;
    endpoint.address = *address;
    cluster.endpoints.push_back(std::move(endpoint));
  });
  if (text.substr(at + 1).empty()) refuse(where, {"the service has no address", std::string(kOutboundExpected)});
  config_.clusters.push_back(std::move(cluster));
}

void FlagsReader::addOutboundListeners() {
  std::vector<model::Cluster> services;
  for (const model::Cluster& cluster : config_.clusters) {
    if (cluster.origin.path.starts_with("--outbound")) services.push_back(cluster);
  }
  for (const OutboundSpec& spec : outbound_) {
    if (services.empty()) {
      refuse(spec.origin, {"this listener leads nowhere", std::string(kOutboundExpected)});
      continue;
    }
    addListenerAt(spec.origin, model::Direction::kOutbound, spec.listen, routesByServiceName(services));
  }
}

void FlagsReader::readAdmin(const std::string& value) {
  if (value == "off") return;
  const model::Origin where = originOf("--admin", value);
  const Spelt<model::SocketAddress> address = parseListenAddress(value.empty() ? "127.0.0.1:9901" : value, "127.0.0.1");
  if (!address) return refuse(where, address.error());
  config_.admin = *address;
  std::optional<Misspelt> refused = refuseAdminAddress(*address);
  if (!refused) return;
  refused->suggestion = "a public admin address needs a configuration file";
  refuse(where, *refused);
}

void FlagsReader::addListenerAt(const model::Origin& origin, model::Direction direction,
                                const model::SocketAddress& address, const std::vector<HostedRoute>& routes) {
  model::Listener listener;
  listener.origin = origin;
  listener.direction = direction;
  listener.address = address;
  listener.name = listenerName(config_, direction, address);
  addListener(reader_, config_, std::move(listener), {}, routes);
}

}  // namespace

LoadedConfig configFromFlags(const std::vector<std::string>& inbound, const std::vector<std::string>& outbound,
                             const std::string& admin) {
  try {
    return FlagsReader().read(inbound, outbound, admin);
  } catch (const std::exception& exception) {
    LoadedConfig loaded;
    loaded.errors.push_back({.where = {.file = "command line"}, .problem = exception.what()});
    return loaded;
  }
}

}  // namespace remora::control
