// The part of the table of keys that tells where a service's endpoints come from.
#include "control/config_forms.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr Form kWeight[] = {integer(1, 128)};
constexpr Form kPriority[] = {integer(0, 127)};
constexpr Form kSrvName[] = {text("a name such as _http._tcp.orders.internal")};

constexpr KeySpec kEndpointKeys[] = {
    {"address", kAddressText, "", "where to connect to"},
    {"srv", kSrvName, "", "an SRV name instead: its records give addresses, ports, priorities and weights"},
    {"weight", kWeight, "1", "share of the requests within its priority and zone; of `srv` the records say it"},
    {"priority", kPriority, "0",
     "lower is preferred; the next gets what the lower can't take; of `srv` added to that of the records"},
    {"zone", kText, "\"\"", "where it runs; see `zone_aware` of the service"},
    {"labels", kLabels, "", "what routes choose it by"},
};
constexpr std::string_view kEndpointChoices[] = {"address", "srv"};

constexpr Form kEndpointsPath[] = {text("the path of a YAML or JSON file")};
constexpr KeySpec kEndpointsFileKeys[] = {
    {"file", kEndpointsPath, "", "a list of endpoints as it would stand here; read again when it changes"},
};
constexpr std::string_view kEndpointsFileRequired[] = {"file"};

constexpr std::string_view kFallbackWords[] = {"none", "any"};
constexpr Form kFallback[] = {word(kFallbackWords)};
constexpr KeySpec kDestinationKeys[] = {
    {"service", kServiceName, "", "a service"},
    {"labels", kLabels, "", "only its endpoints with all of these"},
    {"fallback", kFallback, "none",
     "when no endpoint has them: none: 503 `no_matching_endpoint`; any: every endpoint is taken"},
};
constexpr std::string_view kDestinationRequired[] = {"service"};

}  // namespace

const ObjectSpec kDestinationSpec{"destination", "Where a route leads. The name of a service is enough.",
                                  kDestinationKeys, kDestinationRequired};

const ObjectSpec kEndpointSpec{
    "endpoint", "One place where a service runs. Its address alone is enough.", kEndpointKeys, {}, kEndpointChoices};
const ObjectSpec kEndpointsFileSpec{"endpoints_file",
                                    "Endpoints in a file of their own, which is watched. One that can't be read "
                                    "changes nothing: the endpoints before it stay.",
                                    kEndpointsFileKeys, kEndpointsFileRequired};

}  // namespace remora::control
