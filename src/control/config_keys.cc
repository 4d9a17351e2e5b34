#include "control/config_keys.h"

#include "control/config_forms.h"
#include "control/units.h"
#include "model/priority.h"

namespace remora::control {

namespace {

using namespace forms;

// ---- limits, timeouts, drain

constexpr Form kHeadSize[] = {size(1024, 16 * kMiB)};
constexpr Form kHeaderCount[] = {integer(1, 10'000)};
constexpr Form kTargetSize[] = {size(16, 16 * kMiB)};
constexpr Form kSmallSize[] = {size(0, kMiB)};
constexpr Form kHostBytes[] = {integer(1, 65535)};

constexpr KeySpec kLimitsKeys[] = {
    {"head", kHeadSize, "64KiB", "request line and headers together; the same bound holds for responses"},
    {"header_count", kHeaderCount, "100", "fields in a head, and in trailers"},
    {"target", kTargetSize, "8KiB", "request target (path and query)"},
    {"trailers", kSmallSize, "8KiB", "trailer section"},
    {"chunk_extensions", kSmallSize, "4KiB", "chunk extensions of one body together"},
    {"requests_per_connection", kLongCount, "0", "requests on one client connection; 0: no limit"},
    {"connections", kCount, "0", "client connections of the process; 0: three quarters of the descriptors"},
    {"host_bytes", kHostBytes, "255", "bytes in the Host header"},
};

constexpr KeySpec kTimeoutsKeys[] = {
    {"header", kTime, "10s", "from the first byte of a request (or the accept) to the end of its headers"},
    {"body_stall", kTime, "30s", "without a byte of a request body"},
    {"write_stall", kTime, "30s", "without the client taking a byte of an answer"},
    {"idle", kTime, "60s", "a keep-alive connection without a request"},
};

constexpr KeySpec kDrainKeys[] = {
    {"delay", kTimeOrZero, "1s", "accepting goes on this long after SIGTERM, so that balancers notice"},
    {"grace", kTimeOrZero, "30s", "running requests may take this long to finish"},
};

constexpr Form kLimits[] = {object(kLimitsSpec)};
constexpr Form kTimeouts[] = {object(kTimeoutsSpec)};
constexpr Form kDrain[] = {object(kDrainSpec)};

// ---- services

constexpr Form kEndpointItem[] = {kAddressText[0], kAddressText[1], object(kEndpointSpec)};
constexpr Form kEndpoints[] = {listOf(kEndpointItem), kAddressText[0], kAddressText[1], object(kEndpointsFileSpec)};
constexpr std::string_view kBalanceWords[] = {"round_robin", "least_request", "random",
                                              "peak_ewma",   "ring_hash",     "maglev"};
constexpr Form kBalance[] = {word(kBalanceWords)};
constexpr Form kSubsetSize[] = {integer(0, 10'000)};
constexpr Form kIdleConnections[] = {integer(0, 65535)};

constexpr KeySpec kServiceTimeoutsKeys[] = {
    {"connect", kTime, "5s", "to connect to an endpoint"},
    {"idle", kTime, "60s", "an unused connection; shortened by what is learned of the application"},
    {"max_age", kTimeOrZero, "0s", "a connection older than this is not used again; 0: no limit"},
    {"write_stall", kTime, "30s", "without the application taking a byte of a request"},
};

constexpr KeySpec kServiceLimitsKeys[] = {
    {"requests", kCount, "0", "requests that run at once, exact for the process; 0: no limit"},
    {"pending", kCount, "1024", "requests that wait for one of them to end"},
    {"pending_timeout", kTime, "1s", "and for so long"},
    {"low_share", kPercent, "80", "percent of requests that those of low priority may use"},
    {"connections", kCount, "0", "connections to all of its endpoints, exact for the process; 0: no limit"},
    {"retries", kCount, "0", "requests that are being sent again at once, exact for the process; 0: no limit"},
    {"idle_connections", kIdleConnections, "1024", "unused connections kept for each core and endpoint"},
    {"requests_per_connection", kLongCount, "0", "requests on one connection; 0: no limit"},
};

constexpr Form kServiceTimeouts[] = {object(kServiceTimeoutsSpec)};
constexpr Form kServiceLimits[] = {object(kServiceLimitsSpec)};

constexpr std::string_view kServiceProtocolWords[] = {"auto", "http1", "http2"};
constexpr Form kServiceProtocol[] = {word(kServiceProtocolWords)};
constexpr Form kTlsClient[] = {{Kind::kBool}, object(kTlsClientSpec)};
constexpr Form kHttp2[] = {object(kHttp2Spec)};

constexpr Form kSticky[] = {text("the name of a cookie"), object(kStickySpec)};
constexpr Form kOutlier[] = {{Kind::kBool}, object(kOutlierSpec)};
constexpr Form kAdaptiveConcurrency[] = {{Kind::kBool}, object(kAdaptiveConcurrencySpec)};
constexpr Form kCircuitBreaker[] = {{Kind::kBool}, object(kCircuitBreakerSpec)};
constexpr Form kAdmissionControl[] = {{Kind::kBool}, object(kAdmissionControlSpec)};
constexpr Form kRetryBudget[] = {object(kRetryBudgetSpec)};
constexpr Form kHealthCheck[] = {{Kind::kFalse}, kPathText[0], object(kHealthCheckSpec)};

constexpr KeySpec kServiceKeys[] = {
    {"endpoints", kEndpoints, "", "where the service runs; names are resolved and kept fresh, a file is watched"},
    {"subset_size", kSubsetSize, "0",
     "so many endpoints of each priority are used, others in each process, to bound its connections; 0: all"},
    {"zone_aware", kBool, "false", "endpoints in the process's own `zone` are preferred; others get what is missing"},
    {"balance", kBalance, "least_request", "how an endpoint is chosen"},
    {"hash_by", kHashKeys, "", "of what ring_hash and maglev take the hash: the first that a request has"},
    {"sticky", kSticky, "", "a cookie keeps each client at the endpoint that answered it; its name is enough"},
    {"slow_start", kTimeOrZero, "0s", "in which an endpoint that joins comes to its share; 0: at once"},
    {"panic", kPercent, "50", "percent of endpoints; with fewer that are well all are tried"},
    {"outlier", kOutlier, "false", "endpoints that fail are left out for a while; true: all defaults"},
    {"health_check", kHealthCheck, "false",
     "endpoints are asked whether they are well; a path such as /healthz is enough"},
    {"retry_budget", kRetryBudget, "", "bounds how many of its requests are sent again"},
    {"adaptive_concurrency", kAdaptiveConcurrency, "false",
     "how many of its requests run at once follows how long they take; true: all defaults"},
    {"circuit_breaker", kCircuitBreaker, "false", "a service that fails is not asked for a while; true: all defaults"},
    {"admission_control", kAdmissionControl, "false",
     "of a service that fails a share of the requests is refused; true: all defaults"},
    {"timeouts", kServiceTimeouts, "", "bounds on waiting for the service"},
    {"limits", kServiceLimits, "", "bounds on its connections"},
    {"protocol", kServiceProtocol, "auto", "auto: what TLS settles (ALPN), HTTP/1 without TLS"},
    {"tls", kTlsClient, "false", "connections are encrypted and endpoints must prove who they are; true: all defaults"},
    {"http2", kHttp2, "", "HTTP/2 towards it, and bounds on what it controls"},
};

constexpr Form kServiceItem[] = {object(kServiceSpec), kAddressText[0], kAddressText[1], listOf(kEndpointItem)};
constexpr Form kServices[] = {mapOf("names of services", kServiceItem)};

// ---- routes

constexpr KeySpec kPathMatchKeys[] = {
    {"exact", kPathText, "", "the whole path"},
    {"prefix", kPathText, "", "whole segments: /a matches /a and /a/b, not /ab"},
    {"regex", kRegexText, "", "RE2, matched against the whole path"},
    {"template", kPathText, "", "\"/users/{id}\": a variable for one segment; {rest=**} for all that is left"},
};

constexpr KeySpec kValueMatchKeys[] = {
    {"exact", kHeaderValue, "", "the whole value"},
    {"prefix", kHeaderValue, "", "how the value begins"},
    {"suffix", kHeaderValue, "", "how the value ends"},
    {"regex", kRegexText, "", "RE2, matched against the whole value"},
    {"present", kTrueOnly, "", "true: there is one, whatever its value"},
    {"absent", kTrueOnly, "", "true: there is none"},
};

constexpr Form kPathForms[] = {text("a path: \"/a/b\", \"/v2/*\", \"/users/{id}\" or \"~ ^/regex$\""),
                               object(kPathMatchSpec)};
constexpr Form kValueItem[] = {{.kind = Kind::kScalar, .hint = "the exact value"}, object(kValueMatchSpec)};
constexpr Form kHeaderMatches[] = {mapOf("names of headers", kValueItem)};
constexpr Form kQueryMatches[] = {mapOf("names of query parameters", kValueItem)};
constexpr Form kCookieMatches[] = {mapOf("names of cookies", kValueItem)};

constexpr KeySpec kMatchKeys[] = {
    {"host", kHosts, "\"*\"", "host names, without port: exact, \"*.suffix\" or \"*\""},
    {"path", kPathForms, "", "\"/a/b\" exactly, \"/v2/*\" whole segments, \"/users/{id}\" a template, or \"~ regex\""},
    {"method", kMethods, "", "one method or a list; any when absent"},
    {"methods", kMethods, "", "the same as method"},
    {"headers", kHeaderMatches, "", "all of these headers"},
    {"query", kQueryMatches, "", "all of these query parameters"},
    {"cookies", kCookieMatches, "", "all of these cookies"},
    {"source", kSources, "", "networks of the client's address"},
};

constexpr Form kSplitWeight[] = {integer(0, 1'000'000)};
constexpr KeySpec kSplitKeys[] = {
    {"to", kDestination, "", "a service, or those of its endpoints with some labels"},
    {"weight", kSplitWeight, "1", "its share of the sum of the weights"},
};

constexpr Form kRedirectStatus[] = {integer(301, 308)};
constexpr std::string_view kSchemeWords[] = {"http", "https"};
constexpr Form kScheme[] = {word(kSchemeWords)};
constexpr KeySpec kRedirectKeys[] = {
    {"status", kRedirectStatus, "302", "301, 302, 303, 307 or 308"},
    {"scheme", kScheme, "", "replaces the scheme"},
    {"host", kHostText, "", "replaces the host"},
    {"port", kPort, "", "replaces the port"},
    {"path", kPathText, "", "replaces the whole path"},
    {"path_prefix", kPathText, "", "replaces the prefix that the route matched"},
};

constexpr Form kAnswerStatus[] = {integer(200, 599)};
constexpr KeySpec kAnswerKeys[] = {
    {"status", kAnswerStatus, "200", "status code"},
    {"body", kText, "\"\"", "the body"},
    {"content_type", kText, "text/plain; charset=utf-8", "its Content-Type"},
};

constexpr KeySpec kRewriteKeys[] = {
    {"path", kPathText, "", "replaces the whole path; {name} inserts a variable of the route's template"},
    {"path_prefix", kPathText, "", "replaces the prefix that the route matched"},
    {"host", kHostText, "", "replaces the Host header"},
};

constexpr Form kSetHeaders[] = {mapOf("names of headers", kHeaderValue)};
constexpr Form kAddHeaders[] = {mapOf("names of headers", kHeaderValues)};
constexpr KeySpec kHeaderChangesKeys[] = {
    {"set", kSetHeaders, "", "replaces every field of that name"},
    {"add", kAddHeaders, "", "appends a field, or one for each value of a list"},
    {"remove", kNameList, "", "removes every field of that name"},
};

constexpr Form kMatch[] = {object(kMatchSpec)};
constexpr Form kSplitItem[] = {object(kSplitSpec)};
constexpr Form kSplit[] = {listOf(kSplitItem)};
constexpr Form kRedirect[] = {object(kRedirectSpec)};
constexpr Form kAnswer[] = {object(kAnswerSpec), integer(200, 599)};
constexpr Form kRewrite[] = {object(kRewriteSpec)};
constexpr Form kHeaderChanges[] = {object(kHeaderChangesSpec)};

constexpr Form kRateLimit[] = {kRate[0], object(kRateLimitSpec)};
constexpr Form kRoutePriority[] = {word(model::kPriorityNames), object(kRoutePrioritySpec)};
constexpr Form kFault[] = {object(kFaultSpec)};
constexpr Form kHedge[] = {{Kind::kBool}, kTime[0], object(kHedgeSpec)};
constexpr Form kMirrorItem[] = {kServiceName[0], object(kMirrorSpec)};
constexpr Form kMirrors[] = {kMirrorItem[0], kMirrorItem[1], listOf(kMirrorItem)};
constexpr Form kRetry[] = {integer(0, 10), object(kRetrySpec)};

constexpr KeySpec kRouteKeys[] = {
    {"name", kText, "", "metric label and log field; \"routes[3]\" when absent"},
    {"match", kMatch, "", "which requests; all when absent"},
    {"to", kDestination, "", "forward to this service, or to those of its endpoints with some labels"},
    {"split", kSplit, "", "forward to several services by weight"},
    {"split_by", kHashKeys, "", "keeps requests with the same value at one member of the split; by chance when absent"},
    {"redirect", kRedirect, "", "send the client elsewhere"},
    {"answer", kAnswer, "", "answer at once; a bare status is enough"},
    {"rewrite", kRewrite, "", "change the path or host on the way to the service"},
    {"request_headers", kHeaderChanges, "", "change the request's headers on the way to the service"},
    {"response_headers", kHeaderChanges, "", "change the response's headers on the way to the client"},
    {"timeout", kTimeOrZero, "0s", "for the whole exchange; 0: none"},
    {"idle_timeout", kTimeOrZero, "0s", "without a byte from the service; 0: none"},
    {"mirror", kMirrors, "", "services that get a copy of each request, whose answer goes nowhere; a name is enough"},
    {"rate_limit", kRateLimit, "", "how often requests may come; exact for the process"},
    {"priority", kRoutePriority, "normal", "who goes first where a service's limits hold requests back"},
    {"fault", kFault, "", "delays and answers on purpose, to try what callers bear"},
    {"hedge", kHedge, "false",
     "a second attempt beside one that takes long; true: after the route's own p95; or a time"},
    {"retry", kRetry, "", "when a request is sent again, besides where it provably never arrived"},
};
constexpr std::string_view kRouteActions[] = {"to", "split", "redirect", "answer"};

// ---- listeners

constexpr Form kListen[] = {text("an address such as 0.0.0.0:8080, \"[::]:8080\" or unix:/path"), integer(0, 65535)};
constexpr Form kRouteItem[] = {object(kRouteSpec)};
constexpr Form kRoutes[] = {listOf(kRouteItem)};
constexpr Form kHeaderName[] = {text("the name of a header such as x-envoy-expected-rq-timeout-ms")};
constexpr Form kHops[] = {integer(0, 100)};
constexpr std::string_view kClientFinWords[] = {"cancel", "answer"};
constexpr Form kClientFin[] = {word(kClientFinWords)};
constexpr Form kUnixMode[] = {text("permissions in octal such as \"0660\""), integer(0, 777)};
constexpr Form kBacklog[] = {integer(1, 65535)};
constexpr Form kApp[] = {kAddressText[0], kAddressText[1], object(kServiceSpec)};
constexpr std::string_view kProtocolWords[] = {"auto", "http1", "http2", "tcp"};
constexpr Form kProtocol[] = {word(kProtocolWords)};
constexpr Form kTlsServer[] = {object(kTlsServerSpec)};
constexpr Form kTcpItem[] = {kServiceName[0], object(kTcpSpec)};
constexpr Form kTcp[] = {kServiceName[0], object(kTcpSpec), listOf(kTcpItem)};

// `app` comes first, so that the outbound keys are the rest.
constexpr KeySpec kListenerKeys[] = {
    {"app", kApp, "", "the application, as an address or a whole service; it gets all that no route takes"},
    {"listen", kListen, "", "where connections are accepted; a bare port: 0.0.0.0 inbound, 127.0.0.1 outbound"},
    {"name", kText, "", "metric label and log field; \"inbound-8080\" when absent"},
    {"routes", kRoutes, "", "which way requests go; sorted, see the precedence of routes"},
    {"tcp", kTcp, "", "which way opaque connections go, in this order; a service is enough; means protocol: tcp"},
    {"protocol", kProtocol, "auto", "auto: HTTP/1 and HTTP/2, told apart by TLS's ALPN or the first bytes"},
    {"detection", kTime, "5s", "for the first bytes that choose a protocol or one of tcp; then the last choice serves"},
    {"tls", kTlsServer, "", "what clients must speak, what is proven to them and what they must prove"},
    {"http2", kHttp2, "", "HTTP/2 towards clients, and bounds on what they control"},
    {"edge", kBool, "false", "clients are strangers: overwrite X-Forwarded-Proto and -Host, drop look-alikes"},
    {"trusted_hops", kHops, "0", "X-Forwarded-For entries from the right that remora itself believes"},
    {"forwarded", kBool, "false", "also append to Forwarded (RFC 7239)"},
    {"via", kText, "", "pseudonym to add to Via; nothing is added when absent"},
    {"request_id", kBool, "true", "create X-Request-Id when the request has none"},
    {"trace_context", kBool, "true", "create or continue W3C traceparent"},
    {"deadline_header", kHeaderName, "", "milliseconds that the caller waits, heard in and sent on with this header"},
    {"client_fin", kClientFin, "cancel",
     "what a client's FIN means while its answer isn't complete: it is gone, or only half-closed"},
    {"merge_slashes", kBool, "true", "// counts as / in paths"},
    {"limits", kLimits, "", "bounds for this listener; what is absent comes from the top level"},
    {"timeouts", kTimeouts, "", "the same for times"},
    {"unix_mode", kUnixMode, "\"0660\"", "permissions of a Unix socket"},
    {"backlog", kBacklog, "4096", "connections that wait to be accepted"},
};
constexpr std::string_view kListenRequired[] = {"listen"};

// ---- telemetry and admin

constexpr std::string_view kLogFormatWords[] = {"json", "text"};
constexpr Form kLogFormat[] = {word(kLogFormatWords)};
constexpr std::string_view kLevelWords[] = {"debug", "info", "warning", "error"};
constexpr Form kLevel[] = {word(kLevelWords)};
constexpr Form kLogTo[] = {{Kind::kFalse}, text("stdout, a path, syslog:unix:/dev/log or syslog:udp:127.0.0.1:514")};
constexpr Form kLogBuffer[] = {size(4096, 16 * kMiB)};
constexpr Form kLogQueue[] = {size(4096, kGiB)};
constexpr Form kRecent[] = {integer(0, 65536)};

constexpr KeySpec kAccessLogKeys[] = {
    {"to", kLogTo, "false", "stdout, a path, syslog:unix:/dev/log or syslog:udp:127.0.0.1:514; false: no log"},
    {"format", kLogFormat, "json", "one JSON object or one line of the template for each request"},
    {"template", kText, "", "the line when format is text, with %{field} for a field"},
    {"fields", kNameList, "", "names of the fields in a JSON line, in order; a default set when absent"},
    {"buffer", kLogBuffer, "64KiB", "kept by each core before it is handed over"},
    {"flush", kTime, "1s", "longest that a line waits in that buffer"},
    {"queue", kLogQueue, "4MiB", "waiting for a slow sink before lines are dropped and counted"},
};

constexpr KeySpec kLogKeys[] = {
    {"level", kLevel, "info", "what is worth a line"},
    {"format", kLogFormat, "text", "text or json"},
};

constexpr Form kAccessLog[] = {
    {Kind::kFalse}, text("stdout, a path, syslog:unix:/dev/log or syslog:udp:127.0.0.1:514"), object(kAccessLogSpec)};
constexpr Form kLog[] = {object(kLogSpec)};
constexpr KeySpec kTelemetryKeys[] = {
    {"access_log", kAccessLog, "false", "one line for each request; a bare destination is enough"},
    {"log", kLog, "", "the process's own log, on stderr"},
    {"recent", kRecent, "64", "requests that each core keeps for /recent; 0: none"},
};

constexpr Form kAdminListen[] = {text("a loopback address such as 127.0.0.1:9901, or unix:/path"), integer(0, 65535)};
constexpr KeySpec kAdminKeys[] = {
    {"listen", kAdminListen, "", "a loopback address or a Unix socket"},
    {"public", kBool, "false", "allow an address that others can reach: they can read the configuration and drain"},
};
constexpr Form kAdmin[] = {{Kind::kFalse}, kAdminListen[0], kAdminListen[1], object(kAdminSpec)};

// ---- the file

constexpr Form kInboundItem[] = {object(kInboundSpec)};
constexpr Form kOutboundItem[] = {object(kOutboundSpec)};
constexpr Form kInbound[] = {listOf(kInboundItem)};
constexpr Form kOutbound[] = {listOf(kOutboundItem)};
constexpr Form kLimitServiceItem[] = {object(kLimitServiceSpec)};
constexpr Form kLimitServices[] = {mapOf("names of services that count", kLimitServiceItem)};
constexpr Form kOverload[] = {object(kOverloadSpec)};
constexpr Form kCores[] = {integer(0, 1024)};
constexpr Form kTelemetry[] = {object(kTelemetrySpec)};

constexpr KeySpec kFileKeys[] = {
    {"inbound", kInbound, "", "listeners for callers of this application"},
    {"outbound", kOutbound, "", "listeners for this application's own calls"},
    {"services", kServices, "", "what routes can forward to, by name"},
    {"rate_limit_services", kLimitServices, "", "who counts requests for several remoras together, by name"},
    {"limits", kLimits, "", "bounds on what clients control, for all listeners"},
    {"timeouts", kTimeouts, "", "bounds on waiting for clients, for all listeners"},
    {"drain", kDrain, "", "how the process ends"},
    {"zone", kText, "\"\"",
     "where this process runs, for services that are `zone_aware`; the variable REMORA_ZONE when absent"},
    {"overload", kOverload, "", "what remora does when it has more to do than it can hold"},
    {"cores", kCores, "0", "event loops; 0: the CPU quota rounded up, at most 2 without a quota"},
    {"telemetry", kTelemetry, "", "what is recorded and where it goes"},
    {"admin", kAdmin, "false", "pages for people and machines: /ready, /metrics, /recent, /explain"},
};

}  // namespace

const ObjectSpec kFileSpec{"file", "The whole file. At least one listener is needed.", kFileKeys};
const ObjectSpec kInboundSpec{"inbound", "A listener for callers of this application. Needs `app`, `routes` or `tcp`.",
                              kListenerKeys, kListenRequired};
const ObjectSpec kOutboundSpec{"outbound",
                               "A listener for this application's own calls. Without `routes` or `tcp` each service is "
                               "reached by its name as the Host.",
                               std::span(kListenerKeys).subspan(1), kListenRequired};
const ObjectSpec kRouteSpec{"route", "Which requests, and what happens to them.", kRouteKeys, {}, kRouteActions};
const ObjectSpec kMatchSpec{"match", "What a request must be. Everything given must hold.", kMatchKeys};
constexpr std::string_view kPathChoices[] = {"exact", "prefix", "regex", "template"};
const ObjectSpec kPathMatchSpec{"path", "The long form of a path.", kPathMatchKeys, {}, kPathChoices};
constexpr std::string_view kValueChoices[] = {"exact", "prefix", "suffix", "regex", "present", "absent"};
const ObjectSpec kValueMatchSpec{
    "value", "How a header, query parameter or cookie must look.", kValueMatchKeys, {}, kValueChoices};
constexpr std::string_view kSplitRequired[] = {"to"};
const ObjectSpec kSplitSpec{"split", "A service and its share.", kSplitKeys, kSplitRequired};
const ObjectSpec kRedirectSpec{"redirect", "Where the client is sent. The query is kept.", kRedirectKeys};
const ObjectSpec kAnswerSpec{"answer", "What remora answers by itself.", kAnswerKeys};
const ObjectSpec kRewriteSpec{"rewrite", "What the service sees instead. The query is kept.", kRewriteKeys};
const ObjectSpec kHeaderChangesSpec{"header_changes", "`request_headers` and `response_headers`.", kHeaderChangesKeys};
constexpr std::string_view kServiceRequired[] = {"endpoints"};
const ObjectSpec kServiceSpec{"service", "One service. An address, or a list of them, is enough.", kServiceKeys,
                              kServiceRequired};
const ObjectSpec kServiceTimeoutsSpec{"service_timeouts", "`timeouts` of a service.", kServiceTimeoutsKeys};
const ObjectSpec kServiceLimitsSpec{"service_limits", "`limits` of a service.", kServiceLimitsKeys};
const ObjectSpec kLimitsSpec{"limits", "Bounds on what a client controls.", kLimitsKeys};
const ObjectSpec kTimeoutsSpec{"timeouts", "Bounds on waiting for a client.", kTimeoutsKeys};
const ObjectSpec kDrainSpec{"drain", "What happens after SIGTERM.", kDrainKeys};
const ObjectSpec kTelemetrySpec{"telemetry", "What is recorded and where it goes.", kTelemetryKeys};
const ObjectSpec kAccessLogSpec{"access_log", "One line for each request.", kAccessLogKeys};
const ObjectSpec kLogSpec{"log", "The process's own log.", kLogKeys};
constexpr std::string_view kAdminRequired[] = {"listen"};
const ObjectSpec kAdminSpec{"admin", "The admin pages. An address alone is enough.", kAdminKeys, kAdminRequired};

std::span<const ObjectSpec* const> allObjects() {
  static constexpr const ObjectSpec* kAll[] = {
      &kFileSpec,
      &kInboundSpec,
      &kOutboundSpec,
      &kTlsServerSpec,
      &kCertificateSpec,
      &kPeerNamesSpec,
      &kHttp2Spec,
      &kTcpSpec,
      &kTcpMatchSpec,
      &kRouteSpec,
      &kMatchSpec,
      &kPathMatchSpec,
      &kValueMatchSpec,
      &kSplitSpec,
      &kRedirectSpec,
      &kAnswerSpec,
      &kRewriteSpec,
      &kHeaderChangesSpec,
      &kServiceSpec,
      &kEndpointSpec,
      &kServiceTimeoutsSpec,
      &kServiceLimitsSpec,
      &kHashKeySpec,
      &kStickySpec,
      &kFaultSpec,
      &kMirrorSpec,
      &kHedgeSpec,
      &kHealthCheckSpec,
      &kOutlierSpec,
      &kRetryBudgetSpec,
      &kRetrySpec,
      &kRateLimitSpec,
      &kDescriptorEntrySpec,
      &kRoutePrioritySpec,
      &kPriorityIdentitySpec,
      &kAdaptiveConcurrencySpec,
      &kCircuitBreakerSpec,
      &kAdmissionControlSpec,
      &kTlsClientSpec,
      &kLimitsSpec,
      &kLimitServiceSpec,
      &kDestinationSpec,
      &kEndpointsFileSpec,
      &kTimeoutsSpec,
      &kDrainSpec,
      &kOverloadSpec,
      &kTelemetrySpec,
      &kAccessLogSpec,
      &kLogSpec,
      &kAdminSpec,
  };
  return kAll;
}

const KeySpec* ObjectSpec::find(std::string_view key) const {
  for (const KeySpec& spec : keys) {
    if (spec.name == key) return &spec;
  }
  return nullptr;
}

const Form* findForm(const KeySpec& key, Form::Kind kind) {
  for (const Form& form : key.forms) {
    if (form.kind == kind) return &form;
  }
  return nullptr;
}

namespace {

std::string joined(std::span<const std::string_view> words) {
  std::string out = words.size() > 1 ? "one of " : "";
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string expectation(const Form& form) {
  switch (form.kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kFalse:
      return "false";
    case Kind::kInteger:
      return "a whole number from " + std::to_string(form.least) + " to " + std::to_string(form.most);
    case Kind::kDuration:
      return form.least == 0 ? "a time such as 2s, or 0" : "a time such as 250ms, 2s or 1m";
    case Kind::kSize:
      return "a size from " + sizeText(Bytes{form.least}) + " to " + sizeText(Bytes{form.most});
    case Kind::kText:
    case Kind::kScalar:
      return std::string(form.hint);
    case Kind::kWord:
      return joined(form.words);
    case Kind::kObject:
      return "a mapping (key: value)";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a mapping of " + std::string(form.hint);
  }
  return {};
}

}  // namespace

std::string expectation(std::span<const Form> forms) {
  std::string out;
  for (size_t i = 0; i < forms.size(); ++i) {
    if (i != 0) out += i + 1 == forms.size() ? ", or " : ", ";
    out += expectation(forms[i]);
  }
  return out;
}

}  // namespace remora::control
