#include "control/yaml_config.h"

#include <algorithm>
#include <exception>
#include <filesystem>

#include "control/config_reader.h"
#include "control/limit_service_reader.h"
#include "control/listener_builder.h"
#include "control/listener_reader.h"
#include "control/overload_config.h"
#include "control/service_reader.h"
#include "control/telemetry_reader.h"
#include "control/text_file.h"
#include "control/yaml_tree.h"

namespace remora::control {

namespace {

void readDrain(ConfigReader& reader, const Place& place, model::Drain& drain) {
  Fields fields(reader, place, kDrainSpec);
  if (!fields.isOpen()) return;
  fields.read("delay", drain.delay);
  fields.read("grace", drain.grace);
}

// Each is compared with each other, and holds a socket.
constexpr size_t kMostListeners = 1000;

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
  ListenerDefaults defaults_;
  std::vector<std::string> service_names_;
  std::vector<std::string_view> services_;
};

model::Config FileReader::read() {
  config_.source = reader_.file();
  if (!fields_.isOpen()) return std::move(config_);
  if (const auto at = fields_.find("limits")) readLimits(reader_, *at, defaults_.limits);
  if (const auto at = fields_.find("timeouts")) readTimeouts(reader_, *at, defaults_.timeouts);
  if (const auto at = fields_.find("drain")) readDrain(reader_, *at, config_.drain);
  if (const auto at = fields_.find("overload")) readOverload(reader_, *at, config_.overload);
  fields_.read("cores", config_.cores);
  fields_.read("zone", config_.zone);
  if (const auto at = fields_.find("telemetry")) readTelemetry(reader_, *at, field_names_, config_.telemetry);
  // Before the listeners, whose routes name them.
  if (const auto at = fields_.find("services")) {
    config_.clusters = readServices(reader_, *at, fields_.forms("services"));
  }
  for (const model::Cluster& cluster : config_.clusters) service_names_.push_back(cluster.name);
  services_.assign(service_names_.begin(), service_names_.end());
  if (const auto at = fields_.find("rate_limit_services")) {
    config_.rate_limit_services = readLimitServices(reader_, *at, fields_.forms("rate_limit_services"), services_);
  }
  readListeners("inbound", model::Direction::kInbound);
  readListeners("outbound", model::Direction::kOutbound);
  refuseUnknownLimitServices(reader_, config_);
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
    readListener(reader_, item, direction, defaults_, services_, config_);
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

// Relative paths in the text are taken from `folder`.
LoadedConfig load(std::string_view text, const std::string& file_name, const std::string& folder,
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
  ConfigReader reader(file_name, folder);
  loaded.config = FileReader(reader, {tree.root, {}}, field_names).read();
  loaded.errors = reader.takeErrors();
  loaded.warnings = reader.takeWarnings();
  return loaded;
}

LoadedConfig tryLoad(std::string_view text, std::string file_name, const std::string& folder,
                     const std::vector<std::string_view>& field_names) {
  try {
    return load(text, file_name, folder, field_names);
  } catch (const std::exception& exception) {  // out of memory; the parser's own were caught where they arise
    return refused(std::move(file_name), std::string("reading the configuration failed: ") + exception.what());
  }
}

}  // namespace

LoadedConfig loadYaml(std::string_view text, std::string file_name,
                      const std::vector<std::string_view>& access_log_fields) {
  const std::string folder = std::filesystem::path(file_name).parent_path().string();
  return tryLoad(text, std::move(file_name), folder, access_log_fields);
}

LoadedConfig loadYamlFile(const std::string& path, const std::vector<std::string_view>& access_log_fields) {
  Spelt<std::string> text = readTextFile(path, "a configuration file");
  if (!text) return refused(path, text.error().problem, text.error().expected);
  return tryLoad(*text, path, folderOf(path), access_log_fields);
}

}  // namespace remora::control
