#include "proxy/arrival.h"

#include <utility>

#include "proxy/h1_connection.h"
#include "proxy/h2_connection.h"
#include "proxy/tcp_connection.h"

namespace remora::proxy {

std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin) {
  const snapshot::ListenerPlan& plan = (*core.snapshot())->listeners[origin.listener->plan];
  const model::Listener& listener = *plan.source;
  if (!plan.tcp_chains.empty()) {
    return std::make_unique<TcpConnection>(core, std::move(origin), plan.tcp_chains.back());
  }
  switch (listener.default_chain.protocol) {
    case model::Protocol::kHttp2:
      return std::make_unique<H2Connection>(core, std::move(origin));
    case model::Protocol::kHttp1:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp1Only);
    default:
      return std::make_unique<H1Connection>(core, std::move(origin), H1Connection::Takes::kHttp2Too);
  }
}

}  // namespace remora::proxy
