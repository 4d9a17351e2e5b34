// One request and its response: its memory, its facts, and what runs for it. Used again for the next exchange; an idle
// connection has none. Read in the order of proxyExchange(). Belongs to one core.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "http/h1_parser.h"
#include "http/message_body.h"
#include "http/message_writer.h"
#include "loop/task_scope.h"
#include "net/address.h"
#include "observe/exchange_record.h"
#include "observe/trace_context.h"
#include "proxy/core.h"
#include "proxy/decide.h"
#include "proxy/downstream.h"
#include "proxy/head_writer.h"
#include "proxy/verdict.h"
#include "tls/facts.h"
#include "upstream/cluster_state.h"

namespace remora::proxy {

// What a refusal tells of the limit that was reached.
struct LimitTold {
  std::optional<Duration> wait;  // until the next may come; nothing: it isn't known
  uint32_t requests = 0;         // in each `per`; 0: it isn't known
  Duration per{0};
};

class Exchange {
 public:
  explicit Exchange(Core& owner);
  ~Exchange();

  // --- for whoever serves, in this order
  // ------------------------------------------------------------------------------
  void attach(Downstream& from);  // before the connection's first exchange; clear() lets go of it
  void expectPreface() { may_be_preface_ = true; }
  enum class HeadRead : uint8_t { kHead, kNothing, kWait, kHttp2Preface };
  // HTTP/1: reads what is there of a request head. kNothing: the connection ended. kWait: it isn't complete yet.
  // kHttp2Preface: as was expected it may be, this is HTTP/2.
  Result<HeadRead> readHead();
  // The same, until it is complete or late. kNothing: the connection ended, or was silent for too long.
  loop::Task<HeadRead> awaitHead();
  void begin(uint64_t earlier_requests);  // starts the record
  bool isRequestRead() const { return !request_body || request_body->isEnded(); }
  // Reads what is left of the request after its answer, a little and for a moment, so that the connection can go on.
  loop::Task<bool> drainRequest();
  void end();                         // writes the record out
  void endUnanswered(Reason reason);  // the same, for an exchange whose client is gone
  bool nextRequest();                 // moves what was pipelined to the front; false when there is nothing
  std::string takeUnread() { return {buffer_.get(), std::exchange(filled_, 0)}; }
  void clear();

  // --- steps of the exchange ----------------------------------------------------------------------------------------
  // RawRequest -> Request, and the part of its body that came along. What is known goes into the record even when the
  // request is refused.
  Result<void> checkRequest();
  // Request -> Plan, and the series that counts it.
  Result<void> chooseRoute();
  // Its time is over: nobody waits for it any more.
  Result<void> refuseExpired();
  Facts facts();
  std::string_view requestIdToSend();    // the received one, or a new one; empty when the listener wants none
  void ensureRequestId();                // for a reply to a request that was refused before it got one
  std::string_view traceparentToSend();  // with this hop's span; empty when the listener wants none
  bool hasValidTraceparent() const { return trace_continues_; }

  // A FIN from the client ends this exchange (see model::ClientFin).
  bool cancelsOnFin() const;
  bool mayKeepConnection() const;
  // Texts of names move into the exchange, and the Snapshot goes: a long answer must not pin it for days.
  void releaseSnapshot();
  const model::Limits& limits() const { return limits_; }
  http::BodyLimits bodyLimits() const;
  const model::Timeouts& timeouts() const { return timeouts_; }
  net::Patience patience(Duration stall, Failure stalled) const;
  // The same until an answer's head has come.
  net::Patience tryPatience(Duration stall, Failure stalled) const;
  std::string_view schemeTowardsEndpoint() const;
  // What the handshake with the endpoint settled; null: plaintext.
  void describeUpstreamTls(const tls::Facts* facts);
  // A gRPC call's status stands in the trailers, or in the head of an answer that has nothing else.
  void noteGrpcStatus(const http::Headers& fields);
  void noteGrpcStatus(uint32_t code, std::string_view message);
  // Where the head of the answer, or of the request that goes on, is written: as text, or as the fields of HTTP/2. What
  // was written goes out with the message's first push.
  HeadWriter headTowardsClient();
  HeadWriter headTowardsEndpoint();
  void beginAnswer(const HeadWriter& head, http::Framing framing);
  void beginUpload(const HeadWriter& head, http::Framing framing);
  // Bytes that came after the request, for a tunnel to send on.
  std::string takePipelined();
  // Memory of at least `bytes` until the exchange ends; a second call may move it.
  std::span<char> targetMemory(size_t bytes);
  // It may come to hold so much more than every exchange does (see Overload), until it ends.
  void promiseMemory(int64_t bytes);

  // --- state, by who writes it --------------------------------------------------------------------------------------
  Core& core;
  Downstream* downstream = nullptr;

  // attach(), begin() and checkRequest()
  Ref<CoreSnapshot> snapshot;
  const snapshot::ListenerPlan* listener = nullptr;
  http::Request request;
  net::Peer client;  // as believed
  std::optional<http::MessageBody> request_body;
  observe::ExchangeRecord record;
  observe::RequestSeries* series = nullptr;

  // proxyExchange()
  Plan plan;
  Deadline deadline = Deadline::never();      // of the whole exchange
  Deadline try_deadline = Deadline::never();  // of this attempt, up to the head of its answer
  bool is_grpc = false;
  bool is_copy = false;    // a copy: nobody waits for it, and it is sent once
  LimitTold limit_told;    // of a request that is refused
  std::string held_back;   // why, in a sentence, where the service's limits refuse it
  std::string set_cookie;  // to send with the answer; empty: none
  OverloadResource overload_resource = OverloadResource::kMemory;
  OverloadUse overload_use;  // when it was refused; limit 0: it wasn't
  bool was_low = false;      // and that was for its low priority

  // attempt()
  enum class Upload : uint8_t { kNone, kRunning, kDone, kFailed };
  Upload upload = Upload::kNone;
  Failure upload_failure;
  Ref<upstream::EndpointState> endpoint;  // of the last attempt: the record's text lives there
  upstream::Permits::Permit permit;       // of the service's limits.requests
  upstream::BreakerProbe probe;           // where it tries a service whose circuit breaker is half-open
  upstream::Lease lease;
  upstream::H2Connection* shared_connection = nullptr;  // whose stream was leased last; its pool says if it is there
  std::optional<http::MessageWriter> upload_writer;
  http::H1ResponseParser response_parser;
  http::Response response;         // views hold until the next wait
  std::string response_bytes;      // of a head that came in pieces
  std::span<char> response_rest;   // what came with the response head, until the next wait
  std::string websocket_key;       // made for the endpoint, see RequestForwarding
  bool switches_protocol = false;  // after this response the bytes are a tunnel's
  bool holds_interims = false;     // another attempt runs beside it: whoever is heard in the end might be the other
  bool keeps_response = false;     // its head is to hold longer than until the next wait: for a hedge
  bool response_begun = false;     // at least one byte of a response was seen
  bool continue_sent = false;      // a 100 went to the client
  bool waits_for_room = false;     // for a connection: nothing was asked of the endpoint yet
  Instant sent_at{0};              // before that: from when on it could be
  AwaitedVerdict verdict{*this};

  // relay(), reply()
  std::optional<http::MessageBody> response_body;
  std::optional<http::MessageWriter> answer;
  bool head_sent = false;
  bool is_tunnel = false;
  uint64_t tunnel_received = 0;   // bytes of the client
  bool keeps_connection = false;  // the downstream connection goes on after this
  bool needs_linger = false;      // unread bytes of the client may be on their way

  loop::TaskScope uploads;  // at most one; last, so that it goes first

 private:
  const http::RawRequest& rawRequest() const;
  std::span<char> freeSpace();
  bool isPreface();
  bool beginsHttp2();
  HeadWriter headTowards(const http::H2Stream* h2, HeadWriter::Texts texts);
  void begin(http::MessageWriter& message, const HeadWriter& head);
  std::unexpected<Failure> refuse(Failure failure);
  void grow(size_t capacity);
  void describeClient();
  void describeTls();
  Result<void> heedCallersDeadline();

  static constexpr size_t kBufferBytes = 16 << 10;

  std::unique_ptr<char[]> buffer_;  // head, then what came of the body, then what was pipelined
  size_t capacity_ = 0;
  size_t filled_ = 0;
  size_t head_length_ = 0;
  size_t next_at_ = 0;  // first byte that belongs to the next request
  http::H1RequestParser parser_;
  model::Limits limits_;
  model::Timeouts timeouts_;
  std::string storage_;  // lower-case host, normalised path
  std::string target_memory_;
  std::string names_;  // after releaseSnapshot()
  std::string grpc_message_;
  std::string upstream_peer_;
  std::array<char, net::kPeerTextMax> remote_text_;
  std::array<char, net::kPeerTextMax> client_text_;
  observe::RequestId request_id_;
  observe::Traceparent traceparent_;
  int64_t promised_ = 0;
  bool trace_continues_ = false;
  bool is_checked_ = false;  // `request` is valid
  bool is_fresh_ = false;    // nothing was read or begun since it was made ready for the next request
  bool may_be_preface_ = false;
};

// The heart: what happens to one request, in order. Fails with what went wrong; whoever serves answers that.
loop::Task<void> proxyExchange(Core& core, Exchange& exchange);

}  // namespace remora::proxy
