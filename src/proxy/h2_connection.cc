#include "proxy/h2_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/h2_exchange.h"

namespace remora::proxy {
namespace {

http::H2Bounds boundsOf(const model::Listener& listener) {
  return http::H2Bounds::of(listener.default_chain.http->http2, listener.limits, listener.timeouts);
}

}  // namespace

H2Connection::H2Connection(Core& core, Origin origin, std::string first)
    : Connection(core, std::move(origin)),
      session_(http::H2Session::Role::kServer, transport(), core.scratch(), boundsOf(settings()), *this),
      first_(std::move(first)),
      stream_window_(static_cast<int64_t>(settings().default_chain.http->http2.stream_window.count)),
      connection_window_(static_cast<int64_t>(settings().default_chain.http->http2.connection_window.count)) {}

H2Connection::~H2Connection() {
  core_.overload().takeBack(promised_);
}

// The windows let the client send so much before anybody reads it.
void H2Connection::countBodies(int change) {
  bodies_ += change;
  const int64_t most = std::min(bodies_ * stream_window_, connection_window_);
  core_.overload().promise(most - std::exchange(promised_, most));
}

void H2Connection::start() {
  core_.metrics().downstream_h2_connections.add();
  session_.start(std::exchange(first_, {}));
  if (core_.isDraining()) startDraining();
  core_.loop().arm(*this, mayBeIdle());
}

void H2Connection::onRequest(std::unique_ptr<http::H2Stream> stream) {
  if (core_.overload().stage() != OverloadStage::kNone && !session_.isDraining()) {
    core_.metrics().overload_closed.add();
    startDraining();
  }
  auto exchange = std::make_unique<H2Exchange>(*this, std::move(stream));
  H2Exchange& begun = *exchange;
  begun.position = exchanges_.size();
  exchanges_.push_back(std::move(exchange));
  if (begun.has_body) countBodies(1);
  begun.start(requests_++);
}

void H2Connection::remove(H2Exchange& exchange) {
  const size_t position = exchange.position;
  std::unique_ptr<H2Exchange> ended = std::move(exchanges_[position]);
  if (position + 1 != exchanges_.size()) {
    exchanges_[position] = std::move(exchanges_.back());
    exchanges_[position]->position = position;
  }
  exchanges_.pop_back();
  if (ended->has_body) countBodies(-1);
  if (exchanges_.empty()) {
    idle_since_ = core_.now();
    if (listener().is_removed || session_.isEnded()) core_.loop().post(*this);
  }
}

// Heads that come in pieces, one on each connection, aren't asked for before they are complete; near the end of memory
// no more of them begin. For all else they are answered in words.
bool H2Connection::mayTakeRequest() {
  OverloadGate& overload = core_.overload();
  if (overload.ask(Overload::kLeastPiece) < OverloadStage::kStopAccepting) [[likely]]
    return true;
  if (!overload.shared().isMemoryFull()) return true;
  core_.metrics().overload_refused.add();
  return false;
}

void H2Connection::onSessionChange() {
  core_.loop().post(*this);
}

void H2Connection::run() {
  if (session_.isEnded()) {
    // Its streams have failed, and each exchange hears of its own; what is left ends with the connection.
    abandon(Reason::kClientGone);
    return core_.remove(*this);
  }
  if (!exchanges_.empty()) return;
  if (listener().is_removed) startDraining();
}

void H2Connection::abandon(Reason reason) {
  for (const auto& exchange : exchanges_) exchange->abandon(reason);
  exchanges_.clear();
}

void H2Connection::startDraining() {
  session_.goAway();
}

void H2Connection::onTime() {
  if (!exchanges_.empty()) return core_.loop().arm(*this, mayBeIdle());
  const Deadline end = Deadline::after(idle_since_, mayBeIdle());
  if (!end.hasPassed(core_.now())) return core_.loop().timers().arm(*this, end);
  session_.end(http::H2Error::kNone);
  core_.remove(*this);
}

}  // namespace remora::proxy
