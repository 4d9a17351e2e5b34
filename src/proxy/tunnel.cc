#include "proxy/tunnel.h"

#include "http/websocket.h"
#include "proxy/byte_relay.h"
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

// Has the head ready that tells the client so: 101 over HTTP/1, 200 over HTTP/2.
Result<void> beginTunnel(Exchange& exchange) {
  http::Response response = exchange.response;
  const bool is_http2 = exchange.downstream->h2() != nullptr;
  response.status = is_http2 ? 200 : 101;
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
  std::string first(exchange.response_rest.data(), exchange.response_rest.size());
  std::string first_up(exchange.takePipelined());
  const bool through = co_await exchange.answer->push(first, http::End::kMore);
  exchange.record.bytes_sent += first.size();
  exchange.releaseSnapshot();
  if (!through) co_await exchange.answer->drained(stall);

  exchange.uploads.cancel();
  Result<void> outcome;
  {
    ByteRelay relay({.client = client,
                     .upstream = upstream,
                     .scratch = core.bodyScratch(),
                     .write_stall = exchange.timeouts().write_stall,
                     .received = &exchange.tunnel_received,
                     .sent = &exchange.record.bytes_sent});
    outcome = co_await loop::asResult(relay.run(std::move(first_up)));
  }
  if (!outcome) {
    client.resetOnClose();
    upstream.resetOnClose();
  }
  exchange.lease = {};
  co_return loop::done;
}

}  // namespace remora::proxy
