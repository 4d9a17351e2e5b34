#include "proxy/tunnel.h"

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

}  // namespace

loop::Task<void> tunnel(Exchange& exchange) {
  const http::Response& response = exchange.response;
  const TunnelCount count(exchange.core.metrics());
  Core& core = exchange.core;
  HeadWriter out(core.headSpace());
  writeResponseHead(response,
                    {.options = exchange.listener->http,
                     .changes = exchange.plan.route().response_headers,
                     .body = {},
                     .connection = ResponseForwarding::Connection::kUpgrade,
                     .has_body = false},
                    out);
  if (out.hasOverflowed()) co_return fail(Reason::kResponseTooLarge);
  exchange.head_sent = true;
  exchange.is_tunnel = true;
  exchange.record.upgraded = true;
  exchange.record.status = response.status;
  exchange.record.decide(Outcome::kUpgraded, {}, response.status, core.now());

  net::Stream& client = exchange.downstream->stream();
  net::Stream& upstream = exchange.lease.stream();
  const net::Patience stall{.stall = exchange.timeouts().write_stall, .stalled = Failure{Reason::kClientStalled}};
  client.writeThrough();
  std::string first(exchange.response_rest.data(), exchange.response_rest.size());
  std::string first_up(exchange.takePipelined());
  http::MessageWriter head(client, http::Framing::kUntilClose, Failure{Reason::kClientReset});
  head.begin(out.text());
  const bool through = co_await head.push(first, http::End::kMore);
  exchange.record.bytes_sent += first.size();
  exchange.releaseSnapshot();
  if (!through) co_await head.drained(stall);

  exchange.uploads.cancel();
  Result<void> outcome;
  {
    ByteRelay relay({.client = client,
                     .upstream = upstream,
                     .scratch = core.scratch(),
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
