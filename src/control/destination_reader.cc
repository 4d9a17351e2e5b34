#include "control/destination_reader.h"

#include "control/endpoints_reader.h"
#include "control/service_reader.h"

namespace remora::control {

void readDestination(ConfigReader& reader, const Place& place, std::span<const Form> forms,
                     const std::vector<std::string_view>& services, model::WeightedCluster& out) {
  if (!place.isMap()) return readServiceName(reader, place, forms, services, out.cluster);
  Fields fields(reader, place, kDestinationSpec);
  if (const auto at = fields.find("service")) {
    readServiceName(reader, *at, fields.forms("service"), services, out.cluster);
  }
  if (const auto at = fields.find("labels")) readLabels(reader, *at, fields.forms("labels"), out.subset.labels);
  if (const auto index = fields.wordIndex("fallback")) out.subset.falls_back = *index == 1;
  if (const auto at = fields.find("fallback"); at && !fields.has("labels")) {
    reader.error(*at, "'fallback' has no effect: every endpoint is taken anyway", "'labels' beside it");
  }
}

}  // namespace remora::control
