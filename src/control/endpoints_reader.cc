#include "control/endpoints_reader.h"

#include <algorithm>
#include <exception>

#include "control/addresses.h"
#include "control/service_reader.h"
#include "control/text_file.h"
#include "control/yaml_tree.h"

namespace remora::control {
namespace {

std::optional<model::Endpoint> readSrv(ConfigReader& reader, const Place& place, std::span<const Form> forms) {
  std::string text;
  if (!reader.readScalar(place, forms, text)) return std::nullopt;
  Spelt<model::SocketAddress> address = parseEndpointAddress("srv://" + text);
  if (!address) {
    reader.error(place, quoted(text) + " is not an SRV name", "a name such as _http._tcp.orders.internal");
    return std::nullopt;
  }
  model::Endpoint endpoint;
  endpoint.address = std::move(*address);
  return endpoint;
}

std::optional<model::Endpoint> readEndpoint(ConfigReader& reader, const Place& place, std::span<const Form> forms) {
  if (!place.isMap()) return readAddress(reader, place, forms);
  Fields fields(reader, place, kEndpointSpec);
  std::optional<model::Endpoint> endpoint;
  if (const auto at = fields.find("address")) endpoint = readAddress(reader, *at, fields.forms("address"));
  if (const auto at = fields.find("srv")) endpoint = readSrv(reader, *at, fields.forms("srv"));
  // A wrong address must not hide what else is wrong.
  model::Endpoint rest = endpoint.value_or(model::Endpoint());
  fields.read("weight", rest.weight);
  fields.read("priority", rest.priority);
  fields.read("zone", rest.zone);
  if (const auto at = fields.find("labels")) readLabels(reader, *at, fields.forms("labels"), rest.labels);
  if (!endpoint) return std::nullopt;
  if (const auto at = fields.find("weight"); at && rest.address.kind == model::SocketAddress::Kind::kSrv) {
    reader.error(*at, "'weight' has no effect: SRV records have their own", "no 'weight'");
  }
  rest.origin = reader.origin(place);
  return rest;
}

void refuseTwice(ConfigReader& reader, const std::vector<model::Endpoint>& endpoints) {
  std::vector<std::string> seen;
  for (const model::Endpoint& endpoint : endpoints) seen.push_back(model::toText(endpoint.address));
  std::vector<std::string> sorted = seen;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    const size_t last = static_cast<size_t>(std::find(seen.rbegin(), seen.rend(), *twice).base() - seen.begin()) - 1;
    reader.errorAt(endpoints[last].origin, "endpoint " + quoted(*twice) + " is given twice", "each address once",
                   "give it a weight instead");
  }
}

void readList(ConfigReader& reader, const Place& place, std::span<const Form> forms,
              std::vector<model::Endpoint>& endpoints) {
  const auto list = std::ranges::find(forms, Form::Kind::kList, &Form::kind);
  for (const Place& item : reader.items(place, forms)) {
    if (std::optional<model::Endpoint> endpoint = readEndpoint(reader, item, list->items)) {
      endpoints.push_back(std::move(*endpoint));
    }
  }
  refuseTwice(reader, endpoints);
}

LoadedEndpoints refused(const std::string& file, const Misspelt& why) {
  return {.endpoints = {},
          .errors = {{.where = {.file = file, .path = {}},
                      .problem = why.problem,
                      .expected = why.expected,
                      .suggestion = why.suggestion}}};
}

LoadedEndpoints load(std::string_view text, const std::string& file) {
  const YamlTree tree = parseYaml(text, file);
  if (tree.error) return {.endpoints = {}, .errors = {*tree.error}};
  const Misspelt is_empty{"the file is empty", "a list of endpoints, or [] for none"};
  if (!tree.root || tree.root->kind == YamlNode::Kind::kNull) return refused(file, is_empty);
  if (tree.root->kind == YamlNode::Kind::kList && tree.root->items.empty()) return {};
  if (tree.root->kind == YamlNode::Kind::kList && tree.root->items.size() > kMostEndpoints) {
    return refused(
        file, {std::to_string(tree.root->items.size()) + " endpoints", "at most " + std::to_string(kMostEndpoints)});
  }
  const std::span<const Form> list = kServiceSpec.find("endpoints")->forms.first(1);
  ConfigReader reader(file, folderOf(file));
  LoadedEndpoints loaded;
  readList(reader, {tree.root, {}}, list, loaded.endpoints);
  loaded.errors = reader.takeErrors();
  return loaded;
}

}  // namespace

void readEndpoints(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Cluster& cluster) {
  const bool may_be_file = std::ranges::any_of(forms, [](const Form& form) { return form.object != nullptr; });
  if (!place.isMap() || !may_be_file) return readList(reader, place, forms, cluster.endpoints);
  Fields fields(reader, place, kEndpointsFileSpec);
  fields.readFile("file", cluster.endpoints_file);
}

void readLabels(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Labels& out) {
  const auto isFine = [](std::string_view text) {
    const auto isVisible = [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; };
    return !text.empty() && text.size() <= kLongestLabel && std::ranges::all_of(text, isVisible);
  };
  const std::string expected = "1 to " + std::to_string(kLongestLabel) + " visible ASCII characters without quotes";
  for (const auto& [name, at] : reader.entries(place, forms)) {
    std::string value;
    if (!reader.readScalar(at, forms[0].items, value)) continue;
    if (!isFine(name)) {
      reader.error(at, quoted(name) + " can't be the name of a label", expected);
    } else if (!isFine(value)) {
      reader.error(at, quoted(value) + " can't be the value of a label", expected);
    } else {
      out.emplace_back(name, std::move(value));
    }
  }
  std::ranges::sort(out);
  if (out.size() > kMostLabels) {
    reader.error(place, std::to_string(out.size()) + " labels", "at most " + std::to_string(kMostLabels));
  }
}

LoadedEndpoints loadEndpoints(std::string_view text, const std::string& file_name) {
  try {
    return load(text, file_name);
  } catch (const std::exception& exception) {  // out of memory
    return refused(file_name, {std::string("reading the endpoints failed: ") + exception.what(), {}});
  }
}

LoadedEndpoints loadEndpointsFile(const std::string& path) {
  const Spelt<std::string> text = readTextFile(path, "a file with a list of endpoints");
  if (!text) return refused(path, text.error());
  return loadEndpoints(*text, path);
}

}  // namespace remora::control
