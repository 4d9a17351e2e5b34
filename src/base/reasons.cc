#include "base/reasons.h"

#include <array>
#include <cstddef>

namespace remora {
namespace {

using enum Reason;
constexpr Side kDown = Side::kDownstream;
constexpr Side kUp = Side::kUpstream;
constexpr Side kUs = Side::kUs;

// clang-format off: one row a line keeps the table readable as a table
constexpr std::array kRows = {
  ReasonRow{kOk, "ok", 200, 0, kUp, "-", "via_upstream", "", "the upstream answered"},
  ReasonRow{kDirectAnswer, "direct_answer", 200, 0, kUs, "-", "direct_response", "", "the route answers by itself, as configured"},
  ReasonRow{kRedirect, "redirect", 301, 0, kUs, "-", "direct_response", "", "the route redirects, as configured"},
  ReasonRow{kBadRequestLine, "bad_request_line", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "the request line isn't METHOD SP TARGET SP HTTP/1.x CRLF"},
  ReasonRow{kBadHeader, "bad_header", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "a header line is malformed: an invalid name, a control character, a folded line or a bare line end"},
  ReasonRow{kBadHost, "bad_host", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "the Host header is missing, repeated or invalid, or contradicts the target"},
  ReasonRow{kBadTarget, "bad_target", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "the request target isn't in a form that this method may use"},
  ReasonRow{kBadPath, "bad_path", 400, 13, kDown, "-", "path_normalization_failed", "http_request_error", "the path holds a byte or an escape that the path policy refuses"},
  ReasonRow{kBadFraming, "bad_framing", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "Content-Length and Transfer-Encoding are repeated, malformed or contradict each other"},
  ReasonRow{kBadTransferCoding, "bad_transfer_coding", 501, 12, kDown, "DPE", "http1.codec_error", "http_request_error", "the only transfer coding that is understood is one final 'chunked'"},
  ReasonRow{kBadChunk, "bad_chunk", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "a chunk's size, extension or end is malformed"},
  ReasonRow{kBadTrailer, "bad_trailer", 400, 13, kDown, "DPE", "http1.codec_error", "http_request_error", "a trailer line is malformed, too large or names a field that may not be a trailer"},
  ReasonRow{kBadVersion, "bad_version", 505, 12, kDown, "DPE", "http1.codec_error", "http_request_error", "the version isn't HTTP/1.0 or HTTP/1.1"},
  ReasonRow{kBadExpect, "bad_expect", 417, 13, kDown, "-", "unsupported_expect", "http_request_error", "the only expectation that is understood is 100-continue"},
  ReasonRow{kConnectMethod, "connect_method", 405, 12, kDown, "-", "connect_not_allowed", "http_request_error", "CONNECT isn't offered by this listener"},
  ReasonRow{kHeadTooLarge, "head_too_large", 431, 8, kDown, "DPE", "http1.headers_too_large", "http_request_error", "the request head is larger than limits.head"},
  ReasonRow{kTooManyHeaders, "too_many_headers", 431, 8, kDown, "DPE", "http1.too_many_headers", "http_request_error", "the request has more headers than limits.header_count"},
  ReasonRow{kTargetTooLong, "target_too_long", 414, 8, kDown, "DPE", "http1.target_too_long", "http_request_error", "the request target is longer than limits.target"},
  ReasonRow{kHeaderTimeout, "header_timeout", 408, 4, kDown, "DI", "request_header_timeout", "http_request_error", "the request head wasn't complete within timeouts.header"},
  ReasonRow{kRequestStalled, "request_stalled", 408, 4, kDown, "DI", "request_body_timeout", "http_request_error", "the client sent nothing of its request body for timeouts.body_stall"},
  ReasonRow{kClientGone, "client_gone", 0, 1, kDown, "DC", "downstream_remote_disconnect", "", "the client closed its connection before the answer was complete"},
  ReasonRow{kClientReset, "client_reset", 0, 1, kDown, "DC", "downstream_remote_disconnect", "", "the client reset its connection"},
  ReasonRow{kClientStalled, "client_stalled", 0, 1, kDown, "DC", "downstream_write_timeout", "", "the client read nothing of the answer for timeouts.write_stall"},
  ReasonRow{kTlsHandshake, "tls_handshake", 0, 14, kDown, "-", "downstream_tls_failure", "", "the client's TLS handshake failed; the log says at what: no version or cipher in common, an unknown server name, plain HTTP, or the client refused our certificate"},
  ReasonRow{kTlsClientCertificate, "tls_client_certificate", 0, 16, kDown, "-", "downstream_tls_client_certificate", "", "the client showed no certificate, or one that the listener's tls.client_ca, crl or names refuse; the log says which"},
  ReasonRow{kTlsTimeout, "tls_timeout", 0, 4, kDown, "-", "downstream_tls_timeout", "", "the client's TLS handshake wasn't complete within the listener's tls.handshake"},
  ReasonRow{kRateLimited, "rate_limited", 429, 8, kUs, "RL", "request_rate_limited", "http_request_denied", "more requests came than the route's rate_limit allows; Retry-After, where it is known, says when the next is"},
  ReasonRow{kFaultInjected, "fault_injected", 503, 14, kUs, "FI", "fault_filter_abort", "proxy_internal_response", "the route's fault.abort answers instead of the service, on purpose"},
  ReasonRow{kDeadlineExpired, "deadline_expired", 504, 4, kUs, "DT", "deadline_expired", "http_response_timeout", "the time that the caller gave (grpc-timeout or deadline_header) was over before the request could be sent; nothing was done"},
  ReasonRow{kRateLimitAway, "rate_limit_away", 503, 14, kUs, "RLSE", "rate_limiter_error", "http_request_denied", "the service that counts for the route's rate_limit gave no answer in time, and its on_failure is closed; /recent says why, see also remora_rate_limit_service_requests_total"},
  ReasonRow{kNoRoute, "no_route", 404, 12, kUs, "NR", "route_not_found", "destination_not_found", "no route matches this request; ask 'remora explain' which came near"},
  ReasonRow{kNoService, "no_service", 503, 14, kUs, "NC", "cluster_not_found", "destination_not_found", "the route names a service that isn't known"},
  ReasonRow{kNoEndpoint, "no_endpoint", 503, 14, kUs, "UH", "no_healthy_upstream", "destination_unavailable", "the service has no endpoint that may be used; see /clusters"},
  ReasonRow{kNoSubset, "no_matching_endpoint", 503, 14, kUs, "UH", "no_healthy_upstream", "destination_unavailable", "no endpoint of the service has the labels that the route asks for; see /clusters"},
  ReasonRow{kDnsFailed, "dns_failed", 503, 14, kUs, "DF", "dns_resolution_failure", "dns_error", "the service's name didn't resolve and no earlier address is known; see /clusters"},
  ReasonRow{kConnectRefused, "connect_refused", 503, 14, kUp, "UF", "upstream_reset_before_response_started{connection_failure}", "connection_refused", "the endpoint refused the connection: is the application listening there?"},
  ReasonRow{kConnectTimeout, "connect_timeout", 503, 14, kUp, "UF", "upstream_reset_before_response_started{connection_timeout}", "connection_timeout", "the endpoint didn't accept the connection within the service's timeouts.connect"},
  ReasonRow{kConnectFailed, "connect_failed", 503, 14, kUp, "UF", "upstream_reset_before_response_started{connection_failure}", "destination_unavailable", "the connection to the endpoint failed"},
  ReasonRow{kUpstreamTls, "upstream_tls", 503, 14, kUp, "UF", "upstream_reset_before_response_started{TLS_error}", "tls_protocol_error", "the TLS handshake with the endpoint failed: does it speak TLS on that port, and does it ask for a certificate that the service's tls lacks?"},
  ReasonRow{kUpstreamCertificate, "upstream_certificate", 503, 14, kUp, "UF", "upstream_reset_before_response_started{TLS_error:certificate}", "tls_certificate_error", "the endpoint's certificate isn't valid for the service: see its issuer, names and dates against the service's tls.ca and names"},
  ReasonRow{kUpstreamClosed, "upstream_closed", 502, 14, kUp, "UC", "upstream_reset_before_response_started{connection_termination}", "connection_terminated", "the application closed the connection before it answered; the request may have been executed"},
  ReasonRow{kUpstreamReset, "upstream_reset", 502, 14, kUp, "UR", "upstream_reset_before_response_started{remote_reset}", "connection_terminated", "the application reset the connection before it answered; the request may have been executed"},
  ReasonRow{kUpstreamStalled, "upstream_stalled", 504, 4, kUp, "UT", "upstream_write_timeout", "connection_write_timeout", "the application read nothing of the request for the service's timeouts.write_stall"},
  ReasonRow{kBadResponse, "bad_response", 502, 13, kUp, "UPE", "upstream_reset_before_response_started{protocol_error}", "http_protocol_error", "the application's response is malformed or ambiguous, so nothing of it is passed on"},
  ReasonRow{kResponseTooLarge, "response_too_large", 502, 13, kUp, "UPE", "upstream_reset_before_response_started{protocol_error}", "http_response_header_section_size", "the application's response head is larger than limits.head or limits.header_count"},
  ReasonRow{kResponseTruncated, "response_truncated", 502, 14, kUp, "UC", "upstream_reset_after_response_started{connection_termination}", "http_response_incomplete", "the application's response ended before its announced end, so the client's was cut as well"},
  ReasonRow{kResponseTimeout, "response_timeout", 504, 4, kUp, "UT", "response_timeout", "http_response_timeout", "the application sent nothing for the route's idle_timeout"},
  ReasonRow{kTryTimeout, "try_timeout", 504, 4, kUp, "UT", "upstream_per_try_timeout", "http_response_timeout", "the application didn't begin to answer within the try_timeout of the route's retry"},
  ReasonRow{kExchangeTimeout, "exchange_timeout", 504, 4, kUp, "UT", "request_overall_timeout", "http_response_timeout", "the exchange took longer than the route's timeout"},
  ReasonRow{kUpgradeRefused, "bad_upgrade", 502, 13, kUp, "UPE", "upgrade_failed", "http_upgrade_failed", "the application switched protocols though it wasn't asked to"},
  ReasonRow{kTcpIdle, "tcp_idle", 0, 4, kUs, "-", "tcp_session_idle_timeout", "", "no byte came in either direction for the TCP connection's idle time"},
  ReasonRow{kOverloaded, "overloaded", 503, 14, kUs, "OM", "overload", "proxy_internal_response", "remora has more to do than it can hold: too little memory or time is left (see /ready and remora_overload_pressure), or it has as many connections as limits.connections allows"},
  ReasonRow{kNoDescriptors, "no_descriptors", 503, 14, kUs, "OM", "overload", "proxy_internal_error", "no file descriptor is left for a connection to the endpoint; raise the process's limit (ulimit -n)"},
  ReasonRow{kRequestsFull, "requests_full", 503, 14, kUs, "UO", "upstream_overflow", "http_request_denied", "as many requests run as the service's limits.requests or adaptive_concurrency allows, and as many wait as its limits.pending; the detail is the former"},
  ReasonRow{kPendingTimeout, "pending_timeout", 503, 14, kUs, "UO", "upstream_overflow", "http_request_denied", "as many requests run as the service's limits.requests or adaptive_concurrency allows, and none of them ended within its limits.pending_timeout; the detail is the former"},
  ReasonRow{kConnectionsFull, "connections_full", 503, 14, kUs, "UO", "upstream_overflow", "connection_limit_reached", "the service has as many connections as its limits.connections allows, none of them came free within its limits.pending_timeout, or as many requests wait for one as its limits.pending; the detail is limits.connections"},
  ReasonRow{kBreakerOpen, "breaker_open", 503, 14, kUs, "UO", "upstream_circuit_breaker_open", "destination_unavailable", "too many requests to the service failed, so its circuit_breaker sends none for a while; see /clusters"},
  ReasonRow{kAdmissionRefused, "admission_refused", 503, 14, kUs, "-", "denied_by_admission_control", "http_request_denied", "too many requests to the service fail, so its admission_control refuses a share of them by chance"},
  ReasonRow{kDraining, "draining", 503, 14, kUs, "-", "draining", "proxy_internal_response", "remora is shutting down"},
  ReasonRow{kInternal, "internal", 500, 13, kUs, "-", "internal", "proxy_internal_error", "a bug in remora; please report it with this request id"},
};
// clang-format on

consteval bool rowsAreInOrder() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].reason != static_cast<Reason>(i)) return false;
  }
  return kRows.size() == static_cast<size_t>(Reason::kCount);
}
static_assert(rowsAreInOrder(), "each reason has exactly one row, in the order of the enum");

}  // namespace

const ReasonRow& rowOf(Reason reason) {
  return kRows[static_cast<size_t>(reason) < kRows.size() ? static_cast<size_t>(reason) : kRows.size() - 1];
}

}  // namespace remora
