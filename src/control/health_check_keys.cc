// The part of the table of keys that tells how endpoints are asked whether they are well.
#include "control/config_forms.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr Form kGrpcService[] = {{Kind::kBool}, text("the name of a gRPC service")};
constexpr Form kStatusItem[] = {integer(100, 599), text("statuses such as 200..299")};
constexpr Form kStatuses[] = {kStatusItem[0], kStatusItem[1], listOf(kStatusItem)};
constexpr Form kMethod[] = {text("a method such as GET")};
constexpr Form kCheckHost[] = {text("a host name, with or without port")};
constexpr Form kThreshold[] = {integer(1, 1'000)};
constexpr KeySpec kHealthCheckKeys[] = {
    {"http", kPathText, "", "asks for this path, with its query; the status tells"},
    {"grpc", kGrpcService, "", "asks grpc.health.v1 for this service; true: for the whole server; needs HTTP/2"},
    {"tcp", kTrueOnly, "", "true: a connection is enough, with TLS where the service has it"},
    {"interval", kTime, "5s", "from the end of a check to the next"},
    {"interval_idle", kTime, "60s",
     "the same while no request came for so long and nothing is about to change; never shorter than interval"},
    {"timeout", kTime, "1s", "for a whole check"},
    {"jitter", kPercent, "10", "percent of the interval, by which it is longer by chance"},
    {"unhealthy_threshold", kThreshold, "3", "failed checks in a row, and it gets no requests"},
    {"healthy_threshold", kThreshold, "2", "passed checks in a row, and it gets requests again"},
    {"port", kPort, "", "another port than the endpoint's"},
    {"host", kCheckHost, "", "Host or :authority; the endpoint's name or address when absent"},
    {"statuses", kStatuses, "200..299", "of http: those that are well; a status, a range or a list"},
    {"method", kMethod, "GET", "of http"},
};
constexpr std::string_view kHealthCheckChoices[] = {"http", "grpc", "tcp"};

}  // namespace

const ObjectSpec kHealthCheckSpec{"health_check",
                                  "Asks each endpoint again and again, by one check at a time, whether it is well. "
                                  "A path alone: `http` with all defaults.",
                                  kHealthCheckKeys,
                                  {},
                                  kHealthCheckChoices};

}  // namespace remora::control
