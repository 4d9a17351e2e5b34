// The part of the table of keys that tells what holds requests to a service back by how it does.
#include "control/config_forms.h"
#include "model/priority.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr Form kConcurrent[] = {integer(1, 1'000'000)};
constexpr Form kPercentile[] = {integer(1, 99)};
constexpr Form kBuffer[] = {integer(0, 1000)};
constexpr KeySpec kAdaptiveConcurrencyKeys[] = {
    {"min", kConcurrent, "8", "at least so many at once; also while min_rtt is measured"},
    {"max", kConcurrent, "1000", "and at most"},
    {"percentile", kPercentile, "90", "of the times of a sample, and of min_rtt"},
    {"buffer", kBuffer, "25", "percent that requests may take longer than min_rtt before the limit shrinks"},
    {"sample", kTime, "100ms", "how often the limit is set anew"},
    {"min_rtt_every", kTime, "1m", "how often it is measured how long requests take beside few others"},
    {"min_rtt_requests", kConcurrent, "50", "by so many requests; at most a second is spent on it"},
};

constexpr Form kAtLeastOne[] = {integer(1, 1'000'000)};
constexpr Form kErrors[] = {integer(1, 100)};
constexpr KeySpec kCircuitBreakerKeys[] = {
    {"window", kTime, "10s", "in which requests and failures are counted"},
    {"requests", kAtLeastOne, "20", "with fewer in the window it stays closed"},
    {"errors", kErrors, "50",
     "percent of them that fail: 5xx, such statuses of gRPC, or no answer; from here on it opens"},
    {"open", kTime, "5s", "nothing is sent for so long, the second time twice that, and so on"},
    {"open_most", kTime, "1m", "and at most for so long; well for as long, it begins anew"},
    {"probes", kAtLeastOne, "5", "requests that then try the service; all must succeed before it closes"},
};

constexpr Form kAggression[] = {integer(1, 100)};
constexpr KeySpec kAdmissionControlKeys[] = {
    {"threshold", kErrors, "95", "percent that succeed; with as many or more, nothing is refused"},
    {"aggression", kAggression, "1", "the root of the share that is refused; more: refused sooner"},
    {"window", kTime, "30s", "in which requests are counted"},
    {"rate", kCount, "1", "requests a second; with fewer nothing is refused"},
    {"reject_most", kPercent, "80", "percent that are refused at most"},
};

constexpr Form kPriority[] = {word(model::kPriorityNames)};
constexpr Form kSan[] = {text("a name such as spiffe://example.org/batch/*, api.example.com or 10.0.0.1")};
constexpr Form kSans[] = {kSan[0], listOf(kSan)};
constexpr Form kTrustDomain[] = {text("a trust domain such as example.org")};
constexpr Form kTrustDomains[] = {kTrustDomain[0], listOf(kTrustDomain)};
constexpr KeySpec kPriorityIdentityKeys[] = {
    {"sans", kSans, "",
     "one must be among the alternative names of the client's certificate: a URI (with a star for the rest of its "
     "path), IP address or DNS name"},
    {"trust_domains", kTrustDomains, "", "its SPIFFE ID must be of one of these"},
    {"is", kPriority, "", "high, normal or low"},
};
constexpr std::string_view kPriorityIdentityRequired[] = {"is"};
constexpr Form kIdentityItem[] = {object(kPriorityIdentitySpec)};
constexpr Form kIdentities[] = {kIdentityItem[0], listOf(kIdentityItem)};
constexpr KeySpec kRoutePriorityKeys[] = {
    {"is", kPriority, "normal", "high, normal or low"},
    {"identities", kIdentities, "",
     "clients that have another one, by their verified certificates; the first that fits holds, at most 32"},
    {"header", kNames, "", "a header with one of these words, which lowers it"},
    {"raise", kBool, "false", "the header may also raise it: whoever may write it goes before others"},
};

}  // namespace

const ObjectSpec kAdaptiveConcurrencySpec{
    "adaptive_concurrency", "A limit on what runs at once that follows the gradient of latency. `true`: all defaults.",
    kAdaptiveConcurrencyKeys};
const ObjectSpec kCircuitBreakerSpec{"circuit_breaker",
                                     "When a service that fails is not asked for a while. `true`: all defaults.",
                                     kCircuitBreakerKeys};
const ObjectSpec kAdmissionControlSpec{
    "admission_control", "Which share of the requests to a service that fails is refused. `true`: all defaults.",
    kAdmissionControlKeys};
const ObjectSpec kPriorityIdentitySpec{"priority_identity",
                                       "Clients by what their certificates say, and their priority. Needs `sans`, "
                                       "`trust_domains`, or both, which must then both hold.",
                                       kPriorityIdentityKeys, kPriorityIdentityRequired};
const ObjectSpec kRoutePrioritySpec{"route_priority", "Who goes first. A word is enough.", kRoutePriorityKeys};

}  // namespace remora::control
