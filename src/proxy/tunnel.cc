#include "proxy/tunnel.h"

#include "http/websocket.h"
#include "proxy/forwarding.h"

namespace remora::proxy {
namespace {

using observe::Outcome;

// Counts a tunnel for as long as it is in scope.
class TunnelCount {
 public:
  explicit TunnelCount(observe::CoreMetrics& metrics) : metrics_(metrics) { metrics_.tunnels_active.add(); }
  ~TunnelCount() { metrics_.tunnels_active.sub(); }

 private:
  observe::CoreMetrics& metrics_;
};

struct Half {
  net::Stream& from;
  net::Stream& to;
  std::span<char> scratch;
  net::Patience writing;
  uint64_t* moved;
};

// One direction, until its end is passed on.
loop::Task<void> pump(Half half, std::string first) {
  http::MessageWriter writer(half.to, http::Framing::kUntilClose, Failure{Reason::kClientReset});
  std::span<const char> data = first;
  for (;;) {
    if (!data.empty()) {
      *half.moved += data.size();
      const bool through = co_await writer.push(data, http::End::kMore);
      if (!through) co_await writer.drained(half.writing);
    }
    co_await net::ReadWait(half.from, Deadline::never(), Failure{Reason::kInternal});
    const net::IoResult read = half.from.read(half.scratch);
    if (read.error && !read.isBlocked()) co_return fail(Reason::kClientReset, Reached::kYes, read.error);
    if (read.isEnd()) break;
    data = half.scratch.first(read.bytes);
  }
  half.to.shutdownWrite();
  co_return loop::done;
}

// The upload's direction, beside the other one.
struct Upload {
  bool has_failed = false;
  loop::Signal ended;
};

loop::Task<void> pumpUpload(Half half, std::string first, Upload& upload) {
  const Result<void> outcome = co_await loop::asResult(pump(half, std::move(first)));
  upload.has_failed = !outcome;
  upload.ended.raise(half.to.loop().queue());
  if (!outcome) half.to.interruptRead(outcome.error());  // a failure of either direction ends both
  co_return loop::done;
}

// Has the head ready that tells the client so: 101 over HTTP/1, 200 over HTTP/2.
Result<void> beginTunnel(Exchange& exchange) {
  http::Response response = exchange.response;
  const bool is_http2 = exchange.downstream->h2() != nullptr;
  response.status = is_http2 ? 200 : 101;
  if (exchange.lease.h2()) response.phrase = http::phraseOf(101);
  const http::Headers& request = *exchange.request.headers;
  const std::string_view key = request.valueOf(http::HeaderId::kSecWebsocketKey);
  std::string accept;
  if (!is_http2 && exchange.lease.h2() && !key.empty()) accept = http::websocket::acceptFor(key);
  HeadWriter out = exchange.headTowardsClient();
  writeResponseHead(
      response,
      {.options = exchange.listener->http,
       .changes = exchange.plan.route().response_headers,
       .body = {},
       .connection = ResponseForwarding::Connection::kUpgrade,
       .upgrade = exchange.lease.h2() ? exchange.request.upgrade : response.headers->valueOf(http::HeaderId::kUpgrade),
       .websocket_accept = accept,
       .has_body = false},
      out);
  if (out.hasOverflowed()) return fail(Reason::kResponseTooLarge);
  exchange.record.status = response.status;
  exchange.beginAnswer(out, http::Framing::kUntilClose);
  return {};
}

}  // namespace

loop::Task<void> tunnel(Exchange& exchange) {
  const TunnelCount count(exchange.core.metrics());
  Core& core = exchange.core;
  co_await beginTunnel(exchange);
  exchange.head_sent = true;
  exchange.is_tunnel = true;
  exchange.record.upgraded = true;
  exchange.record.decide(Outcome::kUpgraded, {}, exchange.record.status, core.now());

  net::Stream& client = exchange.downstream->stream();
  net::Stream& upstream = exchange.lease.stream();
  const net::Patience stall{.stall = exchange.timeouts().write_stall, .stalled = Failure{Reason::kClientStalled}};
  client.writeThrough();
  upstream.writeThrough();
  std::string first(exchange.response_rest.data(), exchange.response_rest.size());
  std::string first_up(exchange.takePipelined());
  const bool through = co_await exchange.answer->push(first, http::End::kMore);
  exchange.record.bytes_sent += first.size();
  exchange.releaseSnapshot();
  if (!through) co_await exchange.answer->drained(stall);

  Upload upload;
  exchange.uploads.cancel();
  exchange.uploads.start(
      pumpUpload({client, upstream, core.scratch(), stall, &exchange.tunnel_received}, std::move(first_up), upload));
  const Result<void> down =
      co_await loop::asResult(pump({upstream, client, core.scratch(), stall, &exchange.record.bytes_sent}, {}));
  // Half-closed: the client may still send until it is done itself.
  if (down) co_await loop::SignalWait(upload.ended);
  exchange.uploads.cancel();
  exchange.lease = {};
  if (!down || upload.has_failed) client.resetOnClose();
  co_return loop::done;
}

}  // namespace remora::proxy
