#include "control/effective_endpoints.h"

namespace remora::control {
namespace {

// "{ version: "v2" }"
std::string labelsYaml(const model::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += (text.empty() ? "{ " : ", ") + yamlScalar(name) + ": " + yamlQuoted(value);
  }
  return text + " }";
}

}  // namespace

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
  out.number("subset_size", cluster.subset_size);
  out.flag("zone_aware", cluster.zone_aware);
}

std::string destinationYaml(const model::WeightedCluster& destination) {
  if (destination.subset.labels.empty()) return yamlScalar(destination.cluster);
  return "{ service: " + yamlQuoted(destination.cluster) + ", labels: " + labelsYaml(destination.subset.labels) +
         ", fallback: " + (destination.subset.falls_back ? "any" : "none") + " }";
}

}  // namespace remora::control
