#include "proxy/attempt.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "http/grpc.h"
#include "http/websocket.h"
#include "proxy/forwarding.h"
#include "proxy/relay.h"
#include "proxy/response_head.h"
#include "route/rewrite.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

// Makes the writer of the request, with its head ready to go out first; the head holds until the next wait.
Result<void> beginRequest(Exchange& exchange) {
  const http::Request& request = exchange.request;
  const model::Route& route = exchange.plan.route();
  const model::HttpOptions& options = exchange.listener->http;
  const model::Direction direction = exchange.listener->source->direction;
  const Result<std::string_view> target =
      route::outgoingTarget(exchange.plan.choice, direction, {.path = request.path, .raw_path = request.raw_path},
                            exchange.targetMemory(static_cast<size_t>(exchange.limits().target.count) + 256));
  if (!target) return std::unexpected(target.error());
  std::array<char, net::kPeerTextMax> ip_text;
  std::array<char, net::kPeerTextMax + 4> quoted_ip;
  std::string_view ip;
  const net::Peer& peer = exchange.downstream->connection().peer();
  // The application itself on the loopback is nobody's proxy: its calls out begin here.
  const bool is_own_call = direction == model::Direction::kOutbound && peer.isLoopback();
  if (peer.ip_bytes && !is_own_call) ip = {ip_text.data(), net::printIp(peer, ip_text)};
  HeadWriter quoted(quoted_ip);
  if (options.forwarded && !ip.empty()) {
    quoted.put(peer.ip_bytes == 16 ? "\"[" : "");
    quoted.put(ip);
    quoted.put(peer.ip_bytes == 16 ? "]\"" : "");
  }
  std::string_view host = request.host;
  if (route.rewrite && route.rewrite->host) host = *route.rewrite->host;
  if (host.empty()) host = exchange.record.endpoint;  // HTTP/1.0 without Host: HTTP/1.1 must have one
  std::string grpc_timeout;
  const Deadline until = exchange.deadline.sooner(exchange.try_deadline);
  int64_t deadline_millis = 0;
  if (!until.isNever()) {
    const Duration left = until.instant() - exchange.core.now();
    if (exchange.is_grpc) grpc_timeout = http::grpc::timeoutText(left);
    if (!options.deadline_header.empty()) {
      deadline_millis = std::max<int64_t>(std::chrono::duration_cast<Milliseconds>(left).count(), 1);
    }
  }
  HeadWriter out = exchange.headTowardsEndpoint();
  exchange.websocket_key.clear();
  if (!out.isHttp2() && request.major == 2 && !request.upgrade.empty()) {
    exchange.websocket_key = http::websocket::keyOf({exchange.core.ids().next(), exchange.core.ids().next()});
  }
  writeRequestHead(request,
                   {.options = options,
                    .changes = route.request_headers,
                    .direction = direction,
                    .scheme = exchange.schemeTowardsEndpoint(),
                    .target = *target,
                    .host = host,
                    .peer_ip = ip,
                    .peer_port_ip = quoted.text(),
                    .request_id = options.request_id ? exchange.record.request_id : std::string_view(),
                    .traceparent = exchange.traceparentToSend(),
                    .websocket_key = exchange.websocket_key,
                    .grpc_timeout = grpc_timeout,
                    .deadline_millis = deadline_millis,
                    .keep_tracestate = !options.trace_context || exchange.hasValidTraceparent()},
                   out);
  if (out.hasOverflowed()) return fail(Reason::kHeadTooLarge, Reached::kNo);
  exchange.beginUpload(out, planFor(Towards::kHttp11, request.body).framing);
  return {};
}

// Runs beside the exchange. Its failure counts only while no response head has come.
loop::Task<void> runUpload(Exchange& exchange, RelayTerms terms) {
  Result<void> outcome;
  if (!exchange.upload_writer->isDrained()) {
    outcome = co_await loop::asResult(exchange.upload_writer->drained(terms.writing));
  }
  if (outcome && !exchange.upload_writer->isEnded()) {
    outcome = co_await loop::asResult(relayBody(*exchange.request_body, *exchange.upload_writer, terms));
  }
  exchange.upload = outcome ? Exchange::Upload::kDone : Exchange::Upload::kFailed;
  if (outcome) {
    // A FIN that came before the body's end was nobody's business until now.
    if (exchange.downstream->stream().hasHangup()) exchange.downstream->cancelSoon(Reason::kOk);
    co_return loop::done;
  }
  exchange.upload_failure = outcome.error();
  const Side side = rowOf(outcome.error().reason).side;
  // When the application stops reading, it may still have answered (413 and close): reading will tell.
  if (side == Side::kUpstream && outcome.error().reason != Reason::kUpstreamStalled) co_return loop::done;
  if (!exchange.head_sent) {
    if (exchange.lease) exchange.lease.stream().interruptRead(outcome.error());
  } else if (rowOf(outcome.error().reason).status == 0) {
    exchange.downstream->cancelSoon(outcome.error().reason);
  }
  co_return loop::done;
}

// Head and what is there of the body, in one send when it fits; the rest of the body follows beside the exchange.
Result<void> sendRequest(Exchange& exchange) {
  const Result<void> begun = beginRequest(exchange);
  if (!begun) return begun;
  http::MessageWriter& writer = *exchange.upload_writer;
  exchange.upload = Exchange::Upload::kRunning;
  const Result<http::Pull> first = exchange.request_body->pull();
  if (!first) return std::unexpected(first.error());
  const bool is_last = first->state == http::Pull::State::kLast;
  // A stream that is to become a tunnel stays open.
  const bool is_tunnel = exchange.lease.h2() && !exchange.request.upgrade.empty();
  const Result<bool> through = writer.push(first->data, is_last && !is_tunnel ? http::End::kLast : http::End::kMore,
                                           is_last ? &exchange.request_body->trailers() : nullptr);
  exchange.sent_at = exchange.core.now();  // of this turn, or of the request's beginning: a few microseconds ago
  exchange.record.decide(Outcome::kSent, {}, 0, exchange.sent_at);
  if (!through) {
    Failure failure = through.error();
    if (writer.sentBytes() == 0) failure.reached = Reached::kNo;  // the kernel took nothing
    return std::unexpected(failure);
  }
  if (is_last && *through) {
    exchange.upload = Exchange::Upload::kDone;
    // A FIN that came with the request or while connecting was nobody's business until now.
    if (exchange.downstream->stream().hasHangup()) exchange.downstream->cancelSoon(Reason::kOk);
    return {};
  }
  const model::PoolOptions& pool = exchange.snapshot->cluster(exchange.plan.cluster)->pool();
  const RelayTerms terms{
      .reading = exchange.patience(exchange.timeouts().body_stall, Failure{Reason::kRequestStalled}),
      .writing = exchange.patience(pool.write_stall, Failure{Reason::kUpstreamStalled, Reached::kMaybe, 0})};
  exchange.verdict.watchUpload();
  exchange.uploads.start(runUpload(exchange, terms));
  return {};
}

// An end without a response on a used connection: did the application get the request? EOF, and not a reset (a close
// with unread bytes resets, and the application may have read the head), with a connection that is closed and
// acknowledged nothing new proves that it didn't. The reset that answers our bytes may still be on its way: it is
// waited for a moment.
loop::Task<Failure> classifyEnd(Exchange& exchange, Failure failure, uint64_t sent_before) {
  constexpr Duration kResetAway = Milliseconds(200);
  const uint64_t refused = exchange.lease.stream().refusedBytes();
  if (refused && refused == exchange.upload_writer->sentBytes()) {  // our own kernel took nothing of the request
    co_return Failure{failure.reason, Reached::kNo, failure.detail};
  }
  if (http::H2Stream* const h2 = exchange.lease.h2()) {
    if (h2->wasRefused()) failure.reached = Reached::kNo;
    co_return failure;
  }
  if (failure.reason != Reason::kUpstreamClosed || exchange.response_begun || !exchange.record.reused) {
    co_return failure;
  }
  upstream::Connection& connection = exchange.lease.connection();
  if (connection.provesUntouched(sent_before)) co_return Failure{failure.reason, Reached::kNo, failure.detail};
  if (http::isIdempotent(exchange.request.method) || connection.stream().hasError()) co_return failure;
  const Deadline until = Deadline::after(exchange.core.now(), kResetAway);
  (void)co_await loop::asResult(net::ResetWait(connection.stream(), until));
  if (connection.provesUntouched(sent_before)) failure.reached = Reached::kNo;
  co_return failure;
}

// Does the connection, or the stream, belong to another protocol from here on?
Result<void> checkSwitch(Exchange& exchange) {
  const http::Request& request = exchange.request;
  const http::Response& response = exchange.response;
  const bool is_asked = !request.upgrade.empty() && exchange.upload == Exchange::Upload::kDone;
  if (exchange.lease.h2()) {
    exchange.switches_protocol = is_asked && response.status / 100 == 2;
    return {};
  }
  if (response.status != 101) return {};
  // Unasked, or before the application can have read the request: what follows would be anybody's bytes.
  if (!is_asked || response.headers->valueOf(http::HeaderId::kUpgrade).empty()) return fail(Reason::kUpgradeRefused);
  const std::string& key = exchange.websocket_key;
  const std::string_view accept = response.headers->valueOf(http::HeaderId::kSecWebsocketAccept);
  if (!key.empty() && accept != http::websocket::acceptFor(key)) return fail(Reason::kUpgradeRefused);
  exchange.switches_protocol = true;
  return {};
}

}  // namespace

loop::Task<void> attempt(Exchange& exchange, Freshness freshness) {
  Core& core = exchange.core;
  upstream::EndpointState& endpoint = *exchange.endpoint;
  exchange.response_begun = exchange.switches_protocol = exchange.waits_for_room = false;
  exchange.response = {};
  exchange.response_parser.reset();
  exchange.response_bytes.clear();
  ++endpoint.requests;
  if (!leasePooled(exchange, freshness)) co_await leaseConnected(exchange, freshness);
  if (exchange.lease.h2() && !exchange.request.upgrade.empty()) co_await awaitExtendedConnect(exchange);
  exchange.record.upstream_protocol = exchange.lease.h2() ? "HTTP/2" : "";
  exchange.record.decide(exchange.record.reused ? Outcome::kReused : Outcome::kConnected, {}, exchange.record.attempts,
                         core.now());
  const uint64_t sent_before = exchange.lease.h2() ? 0 : exchange.lease.connection().sent();
  co_await sendRequest(exchange);
  const Result<void> answered = co_await loop::asResult(readResponse(exchange));
  if (!answered) {
    co_return std::unexpected(co_await classifyEnd(exchange, answered.error(), sent_before));
  }
  const http::Response& response = exchange.response;
  const Instant now = core.loop().readClock();
  exchange.record.upstream = now - exchange.sent_at;
  exchange.record.decide(Outcome::kResponded, {}, response.status, now);
  co_await checkSwitch(exchange);
  co_return loop::done;
}

}  // namespace remora::proxy
