// Writes where a service's endpoints come from, as a configuration would say it. Part of effectiveYaml().
#pragma once

#include "control/yaml_writer.h"
#include "model/cluster.h"
#include "model/routes.h"

namespace remora::control {

void writeEndpoints(YamlWriter& out, const model::Cluster& cluster);
// The value of `to`.
std::string destinationYaml(const model::WeightedCluster& destination);

}  // namespace remora::control
