// The part of the table of keys that tells how endpoints are chosen, left out and tried again.
#include "control/config_forms.h"

namespace remora::control {

namespace {

using namespace forms;

constexpr Form kHashName[] = {text("a name")};
constexpr KeySpec kHashKeyKeys[] = {
    {"source", kTrueOnly, "", "true: the client's address"},
    {"header", kHashName, "", "the value of this header"},
    {"cookie", kHashName, "", "the value of this cookie"},
    {"query", kHashName, "", "the value of this query parameter"},
    {"path", kTrueOnly, "", "true: the path"},
    {"ttl", kTimeOrZero, "", "of a cookie in hash_by: made for so long where a client lacks it; 0: until it ends"},
};
constexpr std::string_view kHashKeyChoices[] = {"source", "header", "cookie", "query", "path"};

constexpr Form kUpToAMillion[] = {integer(0, 1'000'000)};
constexpr KeySpec kOutlierKeys[] = {
    {"consecutive_5xx", kUpToAMillion, "5",
     "answers with a status of 500 or more, or UNKNOWN, INTERNAL, UNAVAILABLE or DATA_LOSS, in a row; 0: not counted"},
    {"consecutive_gateway_errors", kUpToAMillion, "5",
     "answers 502, 503, 504 or UNAVAILABLE, in a row; 0: not counted"},
    {"consecutive_local_failures", kUpToAMillion, "5",
     "attempts without an answer, or with one that breaks off, in a row; 0: not counted"},
    {"eject", kTime, "30s", "left out for so long, the second time twice that, and so on"},
    {"eject_most", kTime, "5m", "and at most for so long"},
    {"ejected_most", kPercent, "50", "of the endpoints, in percent; never the last one"},
    {"success_rate", kBool, "false", "compares endpoints: out is whose share of good answers is far below the mean"},
    {"success_rate_stdev_factor", kUpToAMillion, "1900", "that far: so many thousandths of the standard deviation"},
    {"latency_factor", kUpToAMillion, "0", "out is whose good answers take so many times the median of all; 0: none"},
    {"interval", kTime, "10s", "between two comparisons"},
    {"request_volume", kUpToAMillion, "100", "of an endpoint within it; with fewer it isn't compared"},
    {"minimum_hosts", kUpToAMillion, "5", "that can be compared; with fewer none are"},
};

constexpr KeySpec kRetryBudgetKeys[] = {
    {"percent", kPercent, "20", "of the requests that come may be sent again"},
    {"floor", kUpToAMillion, "10", "and so many a second besides"},
};

constexpr KeySpec kStickyKeys[] = {
    {"cookie", kHashName, "", "its name"},
    {"ttl", kTimeOrZero, "0s", "for so long; 0: until the browser ends"},
    {"path", kPathText, "/", "sent with the requests below this path"},
};
constexpr std::string_view kStickyRequired[] = {"cookie"};

constexpr Form kFaultStatus[] = {integer(400, 599)};
constexpr KeySpec kFaultKeys[] = {
    {"delay", kTimeOrZero, "0s", "before the request goes on"},
    {"delay_percent", kPercent, "100", "of the requests, by chance"},
    {"abort", kFaultStatus, "", "the status that is answered instead of the service"},
    {"abort_percent", kPercent, "100", "of the requests, by chance"},
    {"header", kHashName, "", "only requests that have this header"},
};

constexpr KeySpec kHedgeKeys[] = {
    {"after", kTimeOrZero, "0s", "so long after the first; 0: what 95 in 100 of the route's requests take"},
    {"percent", kPercent, "10", "of the route's requests may have one"},
    {"floor", kUpToAMillion, "5", "and so many a second besides"},
};

constexpr KeySpec kMirrorKeys[] = {
    {"to", kServiceName, "", "a service"},
    {"percent", kPercent, "100", "of the requests, by chance"},
};
constexpr std::string_view kMirrorRequired[] = {"to"};

constexpr Form kAttempts[] = {integer(0, 10)};
constexpr Form kConditionItem[] = {text("a condition such as gateway-error, or a status"), integer(400, 599)};
constexpr Form kConditions[] = {kConditionItem[0], kConditionItem[1], listOf(kConditionItem)};
constexpr Form kReplaySize[] = {size(0, 64 * kMiB)};
constexpr KeySpec kRetryKeys[] = {
    {"attempts", kAttempts, "2", "after the first, at most"},
    {"on", kConditions, "[connect-failure, refused-stream]",
     "connect-failure, refused-stream, reset, timeout, gateway-error, 5xx, retriable-4xx, a status; of gRPC, where "
     "it comes with the head, cancelled, deadline-exceeded, internal, resource-exhausted, unavailable"},
    {"non_idempotent", kBool, "false",
     "also a request that may have been executed and whose method isn't idempotent; one with Idempotency-Key always "
     "is"},
    {"try_timeout", kTimeOrZero, "0s", "for each attempt, until its answer begins; 0: none"},
    {"backoff", kTimeOrZero, "25ms", "before the first, by chance from half of it; twice that before the next"},
    {"backoff_most", kTimeOrZero, "250ms", "and at most so long"},
    {"retry_after_most", kTimeOrZero, "1s", "a longer Retry-After is passed on to the client instead"},
    {"body", kReplaySize, "64KiB", "a request with a longer body is not sent again"},
};

constexpr Form kBurst[] = {integer(1, 1'000'000'000)};
constexpr Form kKeysMost[] = {integer(128, 16 * kMiB)};
constexpr Form kEntryText[] = {{.kind = Kind::kScalar, .hint = "a text"}};
constexpr KeySpec kDescriptorEntryKeys[] = {
    {"key", kEntryText, "", "its key"},
    {"value", kEntryText, "", "always this one"},
    {"source", kTrueOnly, "", "true: the client's address"},
    {"header", kHashName, "", "the value of this header"},
    {"cookie", kHashName, "", "the value of this cookie"},
    {"query", kHashName, "", "the value of this query parameter"},
    {"path", kTrueOnly, "", "true: the path"},
};
constexpr std::string_view kDescriptorEntryRequired[] = {"key"};
constexpr std::string_view kDescriptorEntryChoices[] = {"value", "source", "header", "cookie", "query", "path"};
constexpr Form kDescriptorEntryItem[] = {object(kDescriptorEntrySpec)};
constexpr Form kDescriptorItem[] = {object(kDescriptorEntrySpec), listOf(kDescriptorEntryItem)};
constexpr Form kDescriptors[] = {listOf(kDescriptorItem)};

constexpr Form kLimitServiceName[] = {text("the name of a rate_limit_service")};
constexpr KeySpec kRateLimitKeys[] = {
    {"requests", kRate, "", "how many, in a second, minute or hour"},
    {"burst", kBurst, "", "how many at once; as many as in a second when absent"},
    {"key", kHashKeys, "", "counted for each value by itself, by the first that a request has; absent: all together"},
    {"keys", kKeysMost, "65536", "values that are remembered; beyond, those that used least are forgotten"},
    {"service", kLimitServiceName, "", "one of rate_limit_services, which counts for several remoras together"},
    {"name", kText, "",
     "of what that service counts; who has the same name is counted together; the route's when absent"},
    {"descriptors", kDescriptors, "",
     "what a gRPC service counts by, which knows how many: the entries of one descriptor, or a list of entries for "
     "each of several; one of which the request lacks a value is left out"},
    {"shadow", kBool, "false", "refuse nothing, only tell in metrics and trail"},
};
constexpr std::string_view kRateLimitChoices[] = {"requests", "descriptors"};

}  // namespace

const ObjectSpec kRateLimitSpec{"rate_limit",
                                "How often requests may come; the others get 429. A rate is enough.",
                                kRateLimitKeys,
                                {},
                                kRateLimitChoices};
const ObjectSpec kDescriptorEntrySpec{"descriptor_entry", "What a gRPC service counts by.", kDescriptorEntryKeys,
                                      kDescriptorEntryRequired, kDescriptorEntryChoices};
const ObjectSpec kHashKeySpec{"hash_key", "What of a request decides its endpoint.", kHashKeyKeys, {}, kHashKeyChoices};
const ObjectSpec kStickySpec{"sticky", "A cookie that keeps a client at the endpoint which answered it first.",
                             kStickyKeys, kStickyRequired};
const ObjectSpec kFaultSpec{"fault", "What goes wrong on purpose, to see whether callers bear it.", kFaultKeys};
const ObjectSpec kHedgeSpec{"hedge", "A second attempt at another endpoint. Only idempotent requests have one.",
                            kHedgeKeys};
const ObjectSpec kMirrorSpec{"mirror", "A service that gets a copy of each request. Its name is enough.", kMirrorKeys,
                             kMirrorRequired};
const ObjectSpec kOutlierSpec{"outlier", "When an endpoint that fails is left out for a while. `true`: all defaults.",
                              kOutlierKeys};
const ObjectSpec kRetryBudgetSpec{"retry_budget", "How many requests may be sent again, over all routes to a service.",
                                  kRetryBudgetKeys};
const ObjectSpec kRetrySpec{"retry", "When a request is sent again. A number: so many attempts by the defaults.",
                            kRetryKeys};

}  // namespace remora::control
