// Writes how endpoints are chosen, left out and tried again, as a configuration would say it. Part of effectiveYaml().
#pragma once

#include <vector>

#include "control/yaml_writer.h"
#include "model/cluster.h"
#include "model/rate_limit_service.h"
#include "model/routes.h"

namespace remora::control {

void writeResilience(YamlWriter& out, const model::Cluster& cluster);
void writeHashKeys(YamlWriter& out, std::string_view name, const std::vector<model::HashKey>& keys);
void writeFault(YamlWriter& out, const model::Fault& fault);
void writeMirrors(YamlWriter& out, const std::vector<model::Mirror>& mirrors);
void writeHedge(YamlWriter& out, const model::Hedge& hedge);
void writeRateLimit(YamlWriter& out, const model::RateLimit& limit);
void writeSharedLimit(YamlWriter& out, const model::SharedLimit& limit);
void writeLimitServices(YamlWriter& out, const std::vector<model::RateLimitService>& services);
void writeRetry(YamlWriter& out, const model::Retry& retry);

}  // namespace remora::control
