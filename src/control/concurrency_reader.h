// Reads and writes what holds requests to a service back by how it does: adaptive_concurrency, circuit_breaker,
// admission_control, and the priority of a route. Part of ConfigReader's callers; belongs to one load.
#pragma once

#include <span>

#include "control/config_reader.h"
#include "control/yaml_writer.h"
#include "model/cluster.h"
#include "model/routes.h"

namespace remora::control {

void readConcurrency(ConfigReader& reader, Fields& service, model::Cluster& cluster);
void readPriority(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::RoutePriority& out);

// As a configuration would say it.
void writeConcurrency(YamlWriter& out, const model::Cluster& cluster);
void writePriority(YamlWriter& out, const model::RoutePriority& priority);

}  // namespace remora::control
