// Writes where a service's endpoints come from, as a configuration would say it. Part of effectiveYaml().
#pragma once

#include "control/yaml_writer.h"
#include "model/cluster.h"

namespace remora::control {

void writeEndpoints(YamlWriter& out, const model::Cluster& cluster);
// "{ version: "v2" }"
std::string labelsYaml(const model::Labels& labels);

}  // namespace remora::control
