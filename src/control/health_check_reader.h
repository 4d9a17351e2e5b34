// Reads and writes `health_check` of a service. Part of ConfigReader's callers and of effectiveYaml().
#pragma once

#include <optional>
#include <span>

#include "control/config_reader.h"
#include "control/yaml_writer.h"
#include "model/cluster.h"

namespace remora::control {

// After the service's protocol and TLS were read: gRPC needs HTTP/2.
void readHealthCheck(ConfigReader& reader, Fields& service, model::Cluster& cluster);

void writeHealthCheck(YamlWriter& out, const std::optional<model::HealthCheck>& check);

}  // namespace remora::control
