#include "control/effective_endpoints.h"

namespace remora::control {

void writeEndpoints(YamlWriter& out, const model::Cluster& cluster) {
  out.open("endpoints");
  if (!cluster.endpoints_file.empty()) out.text("file", cluster.endpoints_file);
  for (const model::Endpoint& endpoint : cluster.endpoints) {
    out.beginItem();
    const bool is_srv = endpoint.address.kind == model::SocketAddress::Kind::kSrv;
    out.text("address", model::toText(endpoint.address));
    if (!is_srv) out.number("weight", endpoint.weight);
    out.number("priority", endpoint.priority);
    out.entry("zone", yamlQuoted(endpoint.zone));
    if (!endpoint.labels.empty()) out.entry("labels", labelsYaml(endpoint.labels));
    out.endItem();
  }
  out.close();
}

std::string labelsYaml(const model::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += (text.empty() ? "{ " : ", ") + yamlScalar(name) + ": " + yamlQuoted(value);
  }
  return text + " }";
}

}  // namespace remora::control
