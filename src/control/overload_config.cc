#include "control/overload_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "control/config_forms.h"
#include "control/units.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr Form kMemory[] = {size(0, uint64_t{1} << 50)};
constexpr KeySpec kOverloadKeys[] = {
    {"memory", kMemory, "0", "what remora may use; 0: what its cgroup allows, and without a limit there none"},
    {"disable_http_keepalive", kPercent, "85",
     "percent of memory, descriptors or loop_delay from which connections are closed after their answer (GOAWAY), and "
     "spare memory is given back, and no mirror and no hedge is sent; 0: never"},
    {"refuse_low_priority", kPercent, "88",
     "percent of memory or loop_delay from which new requests of a route's priority low get 503; 0: never; when absent "
     "it keeps to the order of the others"},
    {"stop_accepting_requests", kPercent, "92",
     "percent of memory or loop_delay from which new requests get 503 with Retry-After; 0: never"},
    {"stop_accepting_connections", kPercent, "97",
     "percent of memory or loop_delay from which new connections wait unaccepted; 0: never"},
    {"loop_delay", kTimeOrZero, "500ms",
     "how late a core may come to its work, for half a second on end; 0: not watched"},
};

// A later action that would come before an earlier one is a mistake in the figures.
void refuseDisorder(ConfigReader& reader, const Fields& fields, const model::Overload& overload) {
  struct Action {
    std::string_view key;
    uint32_t percent;
  };
  const Action actions[] = {{"disable_http_keepalive", overload.disable_http_keepalive},
                            {"refuse_low_priority", overload.refuse_low_priority},
                            {"stop_accepting_requests", overload.stop_accepting_requests},
                            {"stop_accepting_connections", overload.stop_accepting_connections}};
  const Action* before = nullptr;
  for (const Action& action : actions) {
    if (action.percent == 0) continue;
    if (before && action.percent < before->percent) {
      reader.error(
          fields.find(action.key).value_or(fields.place()),
          fmt::format("{} ({}) would come before {} ({})", action.key, action.percent, before->key, before->percent),
          "percentages that rise in this order, or 0 for never");
    }
    before = &action;
  }
}

// Between its neighbours, wherever these are; never, where requests are never refused.
uint32_t lowPriorityBetween(const model::Overload& overload) {
  if (overload.stop_accepting_requests == 0) return 0;
  const uint32_t percent = std::max(model::Overload().refuse_low_priority, overload.disable_http_keepalive);
  return std::min(percent, overload.stop_accepting_requests);
}

}  // namespace

const ObjectSpec kOverloadSpec{
    "overload", "When remora protects itself; the actions are Envoy's, but for `refuse_low_priority`.", kOverloadKeys};

void readOverload(ConfigReader& reader, const Place& place, model::Overload& overload) {
  Fields fields(reader, place, kOverloadSpec);
  if (!fields.isOpen()) return;
  fields.read("memory", overload.memory);
  fields.read("disable_http_keepalive", overload.disable_http_keepalive);
  fields.read("stop_accepting_requests", overload.stop_accepting_requests);
  fields.read("stop_accepting_connections", overload.stop_accepting_connections);
  fields.read("loop_delay", overload.loop_delay);
  overload.refuse_low_priority = 0;
  fields.read("refuse_low_priority", overload.refuse_low_priority);
  refuseDisorder(reader, fields, overload);
  if (!fields.has("refuse_low_priority")) overload.refuse_low_priority = lowPriorityBetween(overload);
}

void writeOverload(YamlWriter& out, const model::Overload& overload) {
  out.open("overload");
  out.entry("memory", sizeText(overload.memory));
  out.number("disable_http_keepalive", overload.disable_http_keepalive);
  out.number("refuse_low_priority", overload.refuse_low_priority);
  out.number("stop_accepting_requests", overload.stop_accepting_requests);
  out.number("stop_accepting_connections", overload.stop_accepting_connections);
  out.entry("loop_delay", durationText(overload.loop_delay));
  out.close();
}

}  // namespace remora::control
