#include "proxy/attempt.h"

#include <utility>

#include "http/validate.h"
#include "proxy/connection.h"
#include "proxy/forwarding.h"
#include "proxy/relay.h"
#include "route/rewrite.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

loop::Task<std::unique_ptr<upstream::Connection>> connectTo(Exchange& exchange, upstream::EndpointState& endpoint) {
  Core& core = exchange.core;
  auto stream = co_await core.connector().connect(endpoint.endpoint.address);
  const model::PoolOptions& options = exchange.snapshot->cluster(exchange.plan.cluster)->pool();
  net::Patience patience = exchange.patience(options.connect, Failure{Reason::kConnectTimeout, Reached::kNo, 0});
  patience.overdue.reached = Reached::kNo;
  co_await net::WriteWait(*stream, patience);
  if (const int error = stream->connectError()) co_return std::unexpected(net::connectFailure(error));
  auto connection = std::make_unique<upstream::Connection>(std::move(stream), core.now());
  if (const auto proof = connection->stream().proof()) connection->noteProofBase(proof->acknowledged);
  co_return connection;
}

// The request head in the core's memory for heads; holds until the next wait.
Result<std::string_view> buildHead(Exchange& exchange) {
  const http::Request& request = exchange.request;
  const model::Route& route = exchange.plan.route();
  const model::HttpOptions& options = exchange.listener->http;
  const model::Direction direction = exchange.listener->source->direction;
  const Result<std::string_view> target =
      route::outgoingTarget(exchange.plan.choice, direction, {.path = request.path, .raw_path = request.raw_path},
                            exchange.targetMemory(static_cast<size_t>(exchange.limits().target.count) + 256));
  if (!target) return target;
  std::array<char, net::kPeerTextMax> ip_text;
  std::array<char, net::kPeerTextMax + 4> quoted_ip;
  std::string_view ip;
  const net::Peer& peer = exchange.connection->peer();
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
  HeadWriter out(exchange.core.headSpace());
  writeRequestHead(request,
                   {.options = options,
                    .changes = route.request_headers,
                    .direction = direction,
                    .target = *target,
                    .host = host,
                    .peer_ip = ip,
                    .peer_port_ip = quoted.text(),
                    .request_id = options.request_id ? exchange.record.request_id : std::string_view(),
                    .traceparent = exchange.traceparentToSend(),
                    .keep_tracestate = !options.trace_context || exchange.hasValidTraceparent()},
                   out);
  if (out.hasOverflowed()) return fail(Reason::kHeadTooLarge, Reached::kNo);
  return out.text();
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
    if (exchange.connection->stream().hasHangup()) exchange.connection->cancelSoon(Reason::kOk);
    co_return loop::done;
  }
  exchange.upload_failure = outcome.error();
  const Side side = rowOf(outcome.error().reason).side;
  // When the application stops reading, it may still have answered (413 and close): reading will tell.
  if (side == Side::kUpstream && outcome.error().reason != Reason::kUpstreamStalled) co_return loop::done;
  if (!exchange.head_sent) {
    if (exchange.lease) exchange.lease.stream().interruptRead(outcome.error());
  } else if (rowOf(outcome.error().reason).status == 0) {
    exchange.connection->cancelSoon(outcome.error().reason);
  }
  co_return loop::done;
}

// Head and what is there of the body, in one send when it fits; the rest of the body follows beside the exchange.
Result<void> sendRequest(Exchange& exchange) {
  const Result<std::string_view> head = buildHead(exchange);
  if (!head) return std::unexpected(head.error());
  net::Stream& stream = exchange.lease.stream();
  exchange.upload_writer.emplace(stream, exchange.request.body.framing,
                                 Failure{Reason::kUpstreamReset, Reached::kMaybe, 0});
  http::H1Writer& writer = *exchange.upload_writer;
  writer.begin(*head, exchange.core.headSpace().size() - head->size());
  exchange.upload = Exchange::Upload::kRunning;
  const Result<http::Pull> first = exchange.request_body->pull();
  if (!first) return std::unexpected(first.error());
  const bool is_last = first->state == http::Pull::State::kLast;
  const Result<bool> through = writer.push(first->data, is_last ? http::End::kLast : http::End::kMore,
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
    if (exchange.connection->stream().hasHangup()) exchange.connection->cancelSoon(Reason::kOk);
    return {};
  }
  const model::PoolOptions& pool = exchange.snapshot->cluster(exchange.plan.cluster)->pool();
  const RelayTerms terms{
      .reading = exchange.patience(exchange.timeouts().body_stall, Failure{Reason::kRequestStalled}),
      .writing = exchange.patience(pool.write_stall, Failure{Reason::kUpstreamStalled, Reached::kMaybe, 0})};
  exchange.uploads.start(runUpload(exchange, terms));
  return {};
}

loop::Task<void> passInterim(Exchange& exchange, const http::Response& response) {
  if (exchange.request.minor == 0) co_return loop::done;  // HTTP/1.0 doesn't know them (RFC 9110 section 15.2)
  exchange.continue_sent |= response.status == 100;
  HeadWriter out(exchange.core.headSpace());
  writeInterimHead(response, out);
  http::H1Writer writer(exchange.connection->stream(), http::Framing::kNone, Failure{Reason::kClientReset});
  writer.begin(out.text());
  const bool through = co_await writer.push({}, http::End::kMore);
  if (!through) {
    co_await writer.drained(exchange.patience(exchange.timeouts().write_stall, Failure{Reason::kClientStalled}));
  }
  co_return loop::done;
}

bool isInterim(const http::RawResponse& raw) {
  return raw.status < 200 && raw.status != 101;
}

// Passes interim heads on, from the one that was just parsed (`length` bytes) to the first that is final or incomplete.
// Leaves the bytes from there on in exchange.response_bytes; returns the length of the final head, or 0.
loop::Task<size_t> passInterims(Exchange& exchange, std::string_view bytes, size_t length) {
  constexpr int kMost = 100;
  http::H1ResponseParser& parser = exchange.response_parser;
  for (int passed = 0; passed < kMost; ++passed) {
    const http::Response interim = co_await http::validateResponse(parser.response(), exchange.request.method);
    std::string rest(bytes.substr(length));  // the client may make us wait, and the shared memory doesn't keep
    co_await passInterim(exchange, interim);
    parser.reset();
    exchange.response_bytes = std::move(rest);
    bytes = exchange.response_bytes;
    if (bytes.empty()) co_return 0;
    length = co_await parser.feed(bytes);
    if (length == 0 || !isInterim(parser.response())) co_return length;
  }
  co_return fail(Reason::kBadResponse);
}

Result<void> takeResponse(Exchange& exchange) {
  const auto checked = http::validateResponse(exchange.response_parser.response(), exchange.request.method);
  if (!checked) return std::unexpected(checked.error());
  exchange.response = *checked;
  return {};
}

loop::Task<void> readResponse(Exchange& exchange) {
  Core& core = exchange.core;
  net::Stream& stream = exchange.lease.stream();
  const net::Patience patience =
      exchange.patience(exchange.plan.idle_timeout, Failure{Reason::kResponseTimeout, Reached::kMaybe, 0});
  for (;;) {
    // The upload may have failed while an interim response was on its way to the client.
    const bool is_ours = rowOf(exchange.upload_failure.reason).side != Side::kUpstream;
    if (exchange.upload == Exchange::Upload::kFailed && is_ours) co_return std::unexpected(exchange.upload_failure);
    co_await net::ReadWait(stream, patience);
    const net::IoResult read = stream.read(core.scratch());
    if (read.isBlocked()) continue;
    if (read.error) co_return fail(Reason::kUpstreamReset, Reached::kMaybe, read.error);
    if (read.isEnd()) co_return fail(Reason::kUpstreamClosed, Reached::kMaybe);
    exchange.response_begun = true;
    std::span<char> bytes = core.scratch().first(read.bytes);
    if (!exchange.response_bytes.empty()) {
      exchange.response_bytes.append(bytes.data(), bytes.size());
      bytes = exchange.response_bytes;
    }
    http::H1ResponseParser& parser = exchange.response_parser;
    size_t length = co_await parser.feed({bytes.data(), bytes.size()});
    if (length && isInterim(parser.response())) {
      length = co_await passInterims(exchange, {bytes.data(), bytes.size()}, length);
      bytes = exchange.response_bytes;
    }
    if (length == 0) {
      if (bytes.data() != exchange.response_bytes.data()) exchange.response_bytes.assign(bytes.data(), bytes.size());
      continue;
    }
    exchange.response_rest = bytes.subspan(length);
    co_return takeResponse(exchange);
  }
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

}  // namespace

loop::Task<void> attempt(Exchange& exchange, Freshness freshness) {
  Core& core = exchange.core;
  upstream::EndpointState& endpoint = *exchange.endpoint;
  exchange.response_begun = false;
  exchange.response_parser.reset();
  exchange.response_bytes.clear();
  ++endpoint.requests;
  std::unique_ptr<upstream::Connection> connection;
  if (freshness == Freshness::kAny) connection = endpoint.pool.take();
  exchange.record.reused = connection != nullptr;
  if (!connection) {
    core.metrics().upstream_connects.add();
    auto connected = co_await loop::asResult(connectTo(exchange, endpoint));
    if (!connected) core.metrics().upstream_connect_failures.add();
    connection = co_await std::move(connected);
  } else {
    core.metrics().upstream_reused.add();
  }
  exchange.record.decide(exchange.record.reused ? Outcome::kReused : Outcome::kConnected, {}, exchange.record.attempts,
                         core.now());
  exchange.lease = upstream::Lease(exchange.endpoint, std::move(connection), core.metrics());
  const uint64_t sent_before = exchange.lease.connection().sent();
  co_await sendRequest(exchange);
  const Result<void> answered = co_await loop::asResult(readResponse(exchange));
  if (!answered) {
    co_return std::unexpected(co_await classifyEnd(exchange, answered.error(), sent_before));
  }
  const http::Response& response = exchange.response;
  const Instant now = core.loop().readClock();
  exchange.record.upstream = now - exchange.sent_at;
  exchange.record.decide(Outcome::kResponded, {}, response.status, now);
  // Unasked, or before the application can have read the request: what follows would be anybody's bytes.
  const bool may_switch = !exchange.request.upgrade.empty() && exchange.upload == Exchange::Upload::kDone &&
                          !response.headers->valueOf(http::HeaderId::kUpgrade).empty();
  if (response.status == 101 && !may_switch) co_return fail(Reason::kUpgradeRefused);
  co_return loop::done;
}

}  // namespace remora::proxy
