// The part of the table of keys that tells who counts for several remoras together.
#include "control/config_forms.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr std::string_view kOnFailureWords[] = {"open", "closed"};
constexpr Form kOnFailure[] = {word(kOnFailureWords)};
constexpr Form kDatabase[] = {integer(0, 65535)};
constexpr Form kPending[] = {integer(1, 65536)};
constexpr Form kQuestionTime[] = {{Kind::kDuration, 1, 10'000}};
constexpr Form kPasswordFile[] = {text("the path of a file whose first line is the password")};

constexpr KeySpec kLimitServiceKeys[] = {
    {"redis", kServiceName, "", "the service that is a Redis (5 or newer), or speaks as one"},
    {"grpc", kServiceName, "", "the service that speaks Envoy's rate limit service (version 3), over HTTP/2"},
    {"domain", kText, "", "of gRPC: whose limits are meant; must be given"},
    {"user", kText, "", "of Redis: its user for remora; the default one when absent"},
    {"password_file", kPasswordFile, "",
     "of Redis: a file whose first line is the password; read again when it changes"},
    {"database", kDatabase, "0", "of Redis"},
    {"prefix", kText, "remora", "of Redis: what its keys begin with"},
    {"timeout", kQuestionTime, "20ms", "a request waits for its answer no longer"},
    {"on_failure", kOnFailure, "open", "without an answer requests are let through (open) or get 503 (closed)"},
    {"pending", kPending, "1024", "questions of a core that wait for an answer; beyond, there is none"},
    {"stall", kTime, "1s", "without a byte from it while questions wait, its connection is given up"},
    {"backoff", kTime, "100ms", "before it is connected to again, by chance from half of it; then twice that"},
    {"backoff_most", kTime, "5s", "and at most so long"},
};
constexpr std::string_view kLimitServiceChoices[] = {"redis", "grpc"};

}  // namespace

const ObjectSpec kLimitServiceSpec{"rate_limit_service",
                                   "Who counts requests for several remoras together, for routes whose `rate_limit` "
                                   "names it as its `service`.",
                                   kLimitServiceKeys,
                                   {},
                                   kLimitServiceChoices};

}  // namespace remora::control
