#include "control/yaml_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>

#include "base/ascii.h"
#include "control/addresses.h"
#include "control/config_reader.h"
#include "control/listener_builder.h"
#include "control/match_reader.h"
#include "control/route_reader.h"
#include "control/service_reader.h"
#include "control/telemetry_reader.h"
#include "control/yaml_tree.h"

namespace remora::control {

namespace {

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

void readDrain(ConfigReader& reader, const Place& place, model::Drain& drain) {
  Fields fields(reader, place, kDrainSpec);
  if (!fields.isOpen()) return;
  fields.read("delay", drain.delay);
  fields.read("grace", drain.grace);
}

// Each is compared with each other, and holds a socket.
constexpr size_t kMostListeners = 1000;

// What listeners start from.
struct Defaults {
  model::Limits limits;
  model::Timeouts timeouts;
};

class ListenerReader {
 public:
  ListenerReader(ConfigReader& reader, model::Config& config, const Defaults& defaults, model::Direction direction,
                 const std::vector<std::string_view>& services)
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
  void readHttp(Fields& fields);
  void readUnixMode(Fields& fields);
  std::vector<HostedRoute> readWays(Fields& fields);

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
  readHttp(fields);
  readUnixMode(fields);
  fields.read("backlog", listener_.backlog);
  if (const auto at = fields.find("limits")) readLimits(reader_, *at, listener_.limits);
  if (const auto at = fields.find("timeouts")) readTimeouts(reader_, *at, listener_.timeouts);
  const std::vector<HostedRoute> routes = readWays(fields);
  addListener(reader_, config_, std::move(listener_), std::move(http_), routes);
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
    const std::optional<Place> at = fields.find("app");
    if (!at && !fields.has("app") && !fields.has("routes")) {
      reader_.error(fields.place(), "this listener leads nowhere", "'app' or 'routes'",
                    "add for example app: 127.0.0.1:3000");
    }
    if (!at) return routes;
    const std::optional<model::Endpoint> endpoint = control::readAddress(reader_, *at, fields.forms("app"));
    if (endpoint) routes.push_back(routeToApp(endpoint->origin, appCluster(config_, *endpoint)));
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

class FileReader {
 public:
  FileReader(ConfigReader& reader, const Place& root, const std::vector<std::string_view>& field_names)
      : reader_(reader), field_names_(field_names), fields_(reader, root, kFileSpec) {}

  model::Config read();

 private:
  void readListeners(std::string_view key, model::Direction direction);

  ConfigReader& reader_;
  const std::vector<std::string_view>& field_names_;
  Fields fields_;
  model::Config config_;
  Defaults defaults_;
  std::vector<std::string> service_names_;
  std::vector<std::string_view> services_;
};

model::Config FileReader::read() {
  config_.source = reader_.file();
  if (!fields_.isOpen()) return std::move(config_);
  if (const auto at = fields_.find("limits")) readLimits(reader_, *at, defaults_.limits);
  if (const auto at = fields_.find("timeouts")) readTimeouts(reader_, *at, defaults_.timeouts);
  if (const auto at = fields_.find("drain")) readDrain(reader_, *at, config_.drain);
  fields_.read("cores", config_.cores);
  if (const auto at = fields_.find("telemetry")) readTelemetry(reader_, *at, field_names_, config_.telemetry);
  // Before the listeners, whose routes name them.
  if (const auto at = fields_.find("services")) {
    config_.clusters = readServices(reader_, *at, fields_.forms("services"));
  }
  for (const model::Cluster& cluster : config_.clusters) service_names_.push_back(cluster.name);
  services_.assign(service_names_.begin(), service_names_.end());
  readListeners("inbound", model::Direction::kInbound);
  readListeners("outbound", model::Direction::kOutbound);
  if (!fields_.has("inbound") && !fields_.has("outbound")) {
    reader_.error(fields_.place(), "there is no listener", "'inbound' or 'outbound'",
                  "add for example inbound: [{ listen: 8080, app: 3000 }]");
  }
  model::Origin admin_origin;
  if (const auto at = fields_.find("admin")) {
    admin_origin = reader_.origin(*at);
    readAdmin(reader_, *at, fields_.forms("admin"), config_);
  }
  refuseClashes(reader_, config_, admin_origin);
  return std::move(config_);
}

void FileReader::readListeners(std::string_view key, model::Direction direction) {
  const std::optional<Place> place = fields_.find(key);
  if (!place) return;
  const std::vector<Place> items = reader_.items(*place, fields_.forms(key));
  if (items.size() > kMostListeners) {
    return reader_.error(*place, std::to_string(items.size()) + " listeners",
                         "at most " + std::to_string(kMostListeners));
  }
  for (const Place& item : items) {
    ListenerReader(reader_, config_, defaults_, direction, services_).read(item);
  }
}

LoadedConfig refused(std::string file, std::string problem, std::string expected = {}, std::string suggestion = {}) {
  LoadedConfig loaded;
  loaded.config.source = file;
  loaded.errors.push_back({.where = {.file = std::move(file)},
                           .problem = std::move(problem),
                           .expected = std::move(expected),
                           .suggestion = std::move(suggestion)});
  return loaded;
}

LoadedConfig load(std::string_view text, const std::string& file_name,
                  const std::vector<std::string_view>& field_names) {
  const YamlTree tree = parseYaml(text, file_name);
  LoadedConfig loaded;
  loaded.config.source = file_name;
  if (tree.error) {
    loaded.errors.push_back(*tree.error);
    return loaded;
  }
  if (tree.root == nullptr || tree.root->kind == YamlNode::Kind::kNull) {
    return refused(file_name, "the file is empty", "at least one listener",
                   "add for example inbound: [{ listen: 8080, app: 3000 }]");
  }
  ConfigReader reader(file_name);
  loaded.config = FileReader(reader, {tree.root, {}}, field_names).read();
  loaded.errors = reader.takeErrors();
  loaded.warnings = reader.takeWarnings();
  return loaded;
}

}  // namespace

LoadedConfig loadYaml(std::string_view text, std::string file_name,
                      const std::vector<std::string_view>& access_log_fields) {
  try {
    return load(text, file_name, access_log_fields);
  } catch (const std::exception& exception) {  // out of memory; the parser's own were caught where they arise
    return refused(std::move(file_name), std::string("reading the configuration failed: ") + exception.what());
  }
}

LoadedConfig loadYamlFile(const std::string& path, const std::vector<std::string_view>& access_log_fields) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) {
    return refused(path, std::string("can't be read: ") + ascii::toLower(std::strerror(errno)),
                   "the path of a configuration file");
  }
  if (S_ISDIR(facts.st_mode)) return refused(path, "is a directory", "the path of a configuration file");
  if (facts.st_size > static_cast<off_t>(kLargestFile)) return refused(path, "is too large", "at most 4MiB");
  std::ifstream file(path, std::ios::binary);
  if (!file) return refused(path, std::string("can't be read: ") + ascii::toLower(std::strerror(errno)));
  // A pipe or a file that grows has no honest size: one byte beyond the bound is enough to refuse it.
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return refused(path, "reading stopped half-way; the file or its disk is damaged");
  text.resize(static_cast<size_t>(file.gcount()));
  return loadYaml(text, path, access_log_fields);
}

}  // namespace remora::control
