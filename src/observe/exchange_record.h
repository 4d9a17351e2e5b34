// The facts of one exchange beside its trail: what the access log, /recent, tracing and metrics read when it ends.
// Views point into the exchange's own buffers and hold until the record was written out. Belongs to one core.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/deadline.h"
#include "base/reasons.h"
#include "observe/trail.h"

namespace remora::observe {

struct ExchangeRecord {
  // Written when the request head was read.
  int64_t start_wall_nanos = 0;  // CLOCK_REALTIME
  Instant start;                 // monotonic
  uint32_t generation = 0;       // of the Snapshot that decided
  bool inbound = true;
  uint8_t http_major = 1;  // of the request; 0: opaque TCP, where an exchange is a connection
  uint8_t http_minor = 1;
  std::string_view listener;
  std::string_view remote;  // "10.0.0.7:41822" or "unix"
  std::string_view local;
  std::string_view client;  // the address that remora believes: `remote`, or by trusted_hops
  std::string_view method;
  std::string_view scheme;
  std::string_view host;
  std::string_view target;  // as received
  std::string_view path;    // normalised
  std::string_view user_agent;
  std::string_view referer;
  std::string_view request_id;
  std::string_view trace_id;  // 32 hex digits, empty without trace context
  std::string_view span_id;

  // What the client's TLS handshake settled; empty for plaintext.
  std::string_view tls_version;  // "TLSv1.3"
  std::string_view tls_cipher;
  std::string_view tls_group;
  std::string_view server_name;
  std::string_view peer;  // who the client proved to be: its SPIFFE ID, or the certificate's first name

  // Written by decisions and attempts.
  std::string_view route;
  std::string_view service;
  std::string_view endpoint;  // "10.1.2.3:8080"
  uint8_t attempts = 0;
  bool reused = false;  // the last attempt went over a pooled connection
  bool upgraded = false;
  std::string_view upstream_protocol;  // of the last attempt, where it isn't HTTP/1.1
  std::string_view upstream_tls_version;
  std::string_view upstream_peer;  // who the endpoint proved to be

  // Written at the end.
  uint16_t status = 0;  // as sent to the client; 0 when nothing was sent
  Reason reason = Reason::kOk;
  int8_t grpc_code = -1;          // of a gRPC call; -1: none was seen
  std::string_view grpc_status;   // its name: "UNAVAILABLE"
  std::string_view grpc_message;  // as it was sent, percent-encoded
  int32_t detail = 0;             // errno or a number for the reason's sentence
  uint64_t bytes_received = 0;    // request body
  uint64_t bytes_sent = 0;        // response body
  Duration duration{0};           // head read .. last byte sent
  Duration upstream{0};           // request sent .. response head; 0 without a response

  Trail trail;

  uint32_t microsSinceStart(Instant now) const { return static_cast<uint32_t>((now - start).count() / 1000); }
  void decide(Outcome outcome, RuleId rule, uint16_t argument, Instant now) {
    trail.add(outcome, rule, argument, microsSinceStart(now));
  }
};

}  // namespace remora::observe
