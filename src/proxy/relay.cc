#include "proxy/relay.h"

#include "proxy/forwarding.h"

namespace remora::proxy {
namespace {

using http::Framing;

// How the response is framed towards this client: as it came, but a body that ends with the connection becomes chunked
// where the client understands that, so that its connection goes on.
http::BodyPlan bodyFor(Exchange& exchange) {
  const http::Response& response = exchange.response;
  if (exchange.downstream->h2()) return planFor(Towards::kHttp2, response.body);
  const bool is_http10 = exchange.request.minor == 0;
  // What ended with its head over HTTP/2 must say so over HTTP/1, where no framing means "until the connection closes".
  if (response.major == 2 && response.body.framing == Framing::kNone) return {Framing::kLength, 0};
  return planFor(is_http10 ? Towards::kHttp10 : Towards::kHttp11, response.body);
}

bool hasBody(const http::Request& request, const http::Response& response) {
  return request.method != http::Method::kHead && response.status != 204 && response.status != 304;
}

// Has the head ready to go out first.
Result<void> beginAnswer(Exchange& exchange, const http::BodyPlan& body) {
  const http::Response& response = exchange.response;
  using Connection = ResponseForwarding::Connection;
  exchange.keeps_connection = exchange.mayKeepConnection() && body.framing != Framing::kUntilClose;
  Connection connection = Connection::kSilent;  // over HTTP/2 whatever this is
  if (!exchange.keeps_connection) {
    connection = Connection::kClose;
    exchange.downstream->stream().writeThrough();
  } else if (exchange.request.minor == 0) {
    connection = Connection::kKeepAlive;
  }
  HeadWriter out = exchange.headTowardsClient();
  writeResponseHead(response,
                    {.options = exchange.listener->http,
                     .changes = exchange.plan.route().response_headers,
                     .body = body,
                     .connection = connection,
                     .set_cookie = exchange.set_cookie,
                     .has_body = hasBody(exchange.request, response)},
                    out);
  if (out.hasOverflowed()) return fail(Reason::kResponseTooLarge);
  exchange.beginAnswer(out, body.framing);
  return {};
}

// The application's connection is used again only if both messages on it ended exactly where they said.
void settleLease(Exchange& exchange, bool has_surplus) {
  upstream::Lease& lease = exchange.lease;
  if (lease.h2()) {  // what isn't finished on the stream is reset, and the connection goes on
    exchange.uploads.cancel();
    lease = {};
    return;
  }
  lease.connection().noteSent(exchange.upload_writer->sentBytes());
  if (has_surplus) exchange.core.metrics().glitches_upstream.add();
  const http::BodyPlan& body = exchange.request.body;
  const bool has_length = body.framing == Framing::kLength || body.is_length_known;
  const bool is_whole = !has_length || exchange.upload_writer->payloadBytes() == body.length;
  const bool is_clean =
      exchange.response.keep_alive && !has_surplus && is_whole && exchange.upload == Exchange::Upload::kDone;
  if (is_clean && !lease.stream().hasHangup() && !lease.stream().hasUnsent()) {
    lease.keep();
  }
  exchange.uploads.cancel();
  lease = {};
}

}  // namespace

Result<Moved> relayWhatIsThere(http::MessageBody& from, http::MessageWriter& to) {
  constexpr int kPiecesAtOnce = 16;
  for (int pieces = 0; pieces < kPiecesAtOnce; ++pieces) {
    const size_t room = from.isEnded() ? SIZE_MAX : to.room();
    if (room == 0) {
      if (to.hasUnsentHead()) {
        const Result<bool> through = to.push({}, http::End::kMore);
        if (!through) return std::unexpected(through.error());
      }
      return Moved::kOutputFull;
    }
    const Result<http::Pull> pull = from.pull(room);
    if (!pull) return std::unexpected(pull.error());
    if (pull->state == http::Pull::State::kWait) {
      if (!to.hasUnsentHead()) return Moved::kInputMissing;
      const Result<bool> through = to.push({}, http::End::kMore);
      if (!through) return std::unexpected(through.error());
      return *through ? Moved::kInputMissing : Moved::kOutputFull;
    }
    const bool is_last = pull->state == http::Pull::State::kLast;
    const Result<bool> through =
        to.push(pull->data, is_last ? http::End::kLast : http::End::kMore, is_last ? &from.trailers() : nullptr);
    if (!through) return std::unexpected(through.error());
    if (!*through) return Moved::kOutputFull;
    if (is_last) return Moved::kAll;
  }
  return Moved::kEnoughForNow;
}

loop::Task<void> relayBody(http::MessageBody& from, http::MessageWriter& to, RelayTerms terms) {
  loop::Loop& loop = from.stream().loop();
  for (;;) {
    Instant since = loop.now();
    if (!to.isDrained()) {
      co_await to.drained(terms.writing);
      if (terms.waited) *terms.waited += loop.now() - since;
      if (to.isEnded()) co_return loop::done;
    }
    switch (co_await relayWhatIsThere(from, to)) {
      case Moved::kAll:
        co_return loop::done;
      case Moved::kOutputFull:
        if (!to.isDrained()) break;
        since = loop.now();
        co_await to.roomWait(terms.writing);
        if (terms.waited) *terms.waited += loop.now() - since;
        break;
      case Moved::kInputMissing:
        co_await from.arrival(terms.reading);
        break;
      case Moved::kEnoughForNow:
        co_await loop::Sleep(loop, Deadline::at(loop.now()));  // until the next turn
        break;
    }
  }
}

loop::Task<void> relayResponse(Exchange& exchange) {
  const http::Response& response = exchange.response;
  const http::BodyPlan body = bodyFor(exchange);
  net::Stream& upstream = exchange.lease.stream();
  http::H2Stream* const h2 = exchange.lease.h2();
  exchange.response_body.emplace(response.body, exchange.bodyLimits(), upstream, exchange.core.bodyScratch(),
                                 http::MessageBody::Names{.malformed = Reason::kBadResponse,
                                                          .closed = Reason::kResponseTruncated,
                                                          .reset = Reason::kResponseTruncated,
                                                          .trailer = Reason::kBadResponse},
                                 h2 ? &h2->trailers() : nullptr);
  // Before the head goes out: a body that is malformed from its first byte is still a clean 502.
  const Result<size_t> used = exchange.response_body->begin(exchange.response_rest);
  if (!used) co_return fail(Reason::kBadResponse);
  const bool came_with_more = *used < exchange.response_rest.size();
  if (exchange.is_grpc) exchange.noteGrpcStatus(*response.headers);
  co_await beginAnswer(exchange, body);
  exchange.head_sent = true;
  exchange.record.status = response.status;
  const RelayTerms terms{.reading = exchange.patience(exchange.plan.idle_timeout, Failure{Reason::kResponseTimeout}),
                         .writing = exchange.patience(exchange.timeouts().write_stall, Failure{Reason::kClientStalled}),
                         .waited = &exchange.verdict.waited_for_client};
  const Result<Moved> moved = relayWhatIsThere(*exchange.response_body, *exchange.answer);
  if (!moved) {
    // Malformed in its first bytes: while nothing went out, this is still a clean 502.
    exchange.head_sent = !exchange.answer->hasUnsentHead();
    const bool is_clean = !exchange.head_sent && rowOf(moved.error().reason).side == Side::kUpstream;
    co_return std::unexpected(is_clean ? Failure{Reason::kBadResponse} : moved.error());
  }
  if (*moved != Moved::kAll) {
    exchange.verdict.watch();
    // An application with Nagle's algorithm holds its next piece back until ours is acknowledged: 40 ms, by default.
    if (*moved == Moved::kInputMissing) upstream.acknowledgeNow();
    co_await relayBody(*exchange.response_body, *exchange.answer, terms);
  }
  if (exchange.is_grpc) exchange.noteGrpcStatus(exchange.response_body->trailers());
  settleLease(exchange, came_with_more || !exchange.response_body->surplus().empty());
  if (exchange.request_body->isEnded()) co_return loop::done;
  exchange.needs_linger = !exchange.keeps_connection;
  co_return loop::done;
}

}  // namespace remora::proxy
