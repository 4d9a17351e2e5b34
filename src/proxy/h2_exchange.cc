#include "proxy/h2_exchange.h"

#include <utility>

#include "proxy/h2_connection.h"
#include "proxy/reply.h"

namespace remora::proxy {

H2Exchange::H2Exchange(H2Connection& connection, std::unique_ptr<http::H2Stream> stream)
    : Downstream(connection, *stream, stream.get()),
      has_body(!stream->isReceived()),
      owner_(connection),
      core_(connection.core()),
      stream_(std::move(stream)),
      exchange_(core_.takeExchange()) {}

H2Exchange::~H2Exchange() {
  serving_.destroy();
  core_.giveExchange(std::move(exchange_));
}

void H2Exchange::start(uint64_t earlier_requests) {
  stream_->setWatcher(this);
  serving_ = serve(*exchange_, earlier_requests);
  serving_.start(*this);
}

loop::Task<void> H2Exchange::serve(Exchange& exchange, uint64_t earlier_requests) {
  exchange.attach(*this);
  exchange.begin(earlier_requests);
  Result<void> outcome = co_await loop::asResult(proxyExchange(core_, exchange));
  if (!outcome) outcome = co_await loop::asResult(endFailed(exchange, outcome.error()));
  exchange.end();
  co_return loop::done;
}

void H2Exchange::run() {
  if (serving_.isEnded()) return owner_.remove(*this);
  if (cancel_reason_ == Reason::kOk && stream_->hasError()) cancel_reason_ = Reason::kClientReset;
  if (cancel_reason_ == Reason::kOk) return;
  abandon(cancel_reason_);
  owner_.remove(*this);
}

void H2Exchange::abandon(Reason reason) {
  if (serving_.isEnded()) return;
  serving_.destroy();
  exchange_->endUnanswered(reason);
}

}  // namespace remora::proxy
