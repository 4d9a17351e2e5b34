#include "proxy/arrival.h"

#include <utility>

#include "proxy/h1_connection.h"
#include "proxy/h2_connection.h"

namespace remora::proxy {

std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin) {
  const model::Listener& listener = *(*core.snapshot())->listeners[origin.listener->plan].source;
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
