// Every way that an exchange can end, in one table: reason -> status, gRPC code, log token and metric label, Envoy
// response flag and details, RFC 9209 Proxy-Status error type, whose side, and the sentence for the operator.
// Tokens are an API from the first release: add rows, never rename one. Constant data; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace remora {

enum class Side : uint8_t { kDownstream, kUpstream, kUs };

enum class Reason : uint8_t {
  kOk,  // the response was the upstream's own
  // Answered by remora as its configuration asks.
  kDirectAnswer,
  kRedirect,
  // Downstream sent something that is refused.
  kBadRequestLine,
  kBadHeader,
  kBadHost,
  kBadTarget,
  kBadPath,
  kBadFraming,
  kBadTransferCoding,
  kBadChunk,
  kBadTrailer,
  kBadVersion,
  kBadExpect,
  kConnectMethod,
  kHeadTooLarge,
  kTooManyHeaders,
  kTargetTooLong,
  kHeaderTimeout,
  kRequestStalled,
  kClientGone,
  kClientReset,
  kClientStalled,
  kTlsHandshake,
  kTlsClientCertificate,
  kTlsTimeout,
  // Held back.
  kRateLimited,
  kFaultInjected,
  kDeadlineExpired,
  kRateLimitAway,
  // No way to an endpoint.
  kNoRoute,
  kNoService,
  kNoEndpoint,
  kNoSubset,
  kDnsFailed,
  kConnectRefused,
  kConnectTimeout,
  kConnectFailed,
  kUpstreamTls,
  kUpstreamCertificate,
  // The attempt failed.
  kUpstreamClosed,
  kUpstreamReset,
  kUpstreamStalled,
  kBadResponse,
  kResponseTooLarge,
  kResponseTruncated,
  kResponseTimeout,
  kTryTimeout,
  kExchangeTimeout,
  kUpgradeRefused,
  // Opaque TCP.
  kTcpIdle,
  // remora itself.
  kOverloaded,
  kNoDescriptors,
  kRequestsFull,
  kPendingTimeout,
  kConnectionsFull,
  kBreakerOpen,
  kAdmissionRefused,
  kDraining,
  kInternal,
  kCount,
};

struct ReasonRow {
  Reason reason;
  std::string_view token;  // log field and metric label
  uint16_t status;         // 0: no reply is sent
  uint8_t grpc;            // canonical gRPC status code
  Side side;
  std::string_view flag;          // Envoy response flag, "-" when it has none
  std::string_view details;       // Envoy response code details
  std::string_view proxy_status;  // RFC 9209 section 2.3 error type, empty when the reply isn't an error
  std::string_view sentence;      // for the operator: likely cause and where to look
};

// The row of `reason`. Total: every reason has one (asserted at compile time).
const ReasonRow& rowOf(Reason reason);

inline std::string_view tokenOf(Reason reason) {
  return rowOf(reason).token;
}

}  // namespace remora
