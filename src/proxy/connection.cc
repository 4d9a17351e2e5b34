#include "proxy/connection.h"

#include <utility>

#include "proxy/exchange.h"
#include "proxy/reply.h"

namespace remora::proxy {

Connection::Connection(Core& core, std::unique_ptr<net::Stream> stream, const net::Peer& peer,
                       Ref<ListenerState> listener)
    : core_(core), stream_(std::move(stream)), listener_(std::move(listener)), peer_(peer) {}

Connection::~Connection() = default;

void Connection::start() {
  stream_->setWatcher(this);
  idle_since_ = core_.now();
  core_.loop().arm(*this, mayBeIdle());
  if (stream_->mayRead()) core_.loop().post(*this);
}

void Connection::run() {
  if (serving_ && !serving_.isEnded()) {
    if (cancel_reason_ == Reason::kOk && isClientGone()) {
      cancel_reason_ = stream_->hasError() ? Reason::kClientReset : Reason::kClientGone;
    }
    if (cancel_reason_ == Reason::kOk) return;
    abandon(cancel_reason_);
    return core_.remove(*this);
  }
  if (serving_) {
    serving_.destroy();
    core_.giveExchange(std::move(exchange_));
    if (!closes_ && !listener_->is_removed) becomeIdle();
  }
  const bool ends = closes_ || listener_->is_removed;
  // Not before its last answer went out; the stream tells when it has, or that it never will.
  if (ends || stream_->hasHangup()) stream_->flush();
  if (stream_->hasUnsent() && !stream_->hasError()) return;
  if (ends) return core_.remove(*this);
  if (stream_->mayRead() || stream_->hasHangup()) startServing();
}

bool Connection::isClientGone() const {
  return stream_->hasError() || (stream_->hasHangup() && exchange_->cancelsOnFin());
}

void Connection::startServing() {
  exchange_ = core_.takeExchange();
  serving_ = serve(*exchange_);
  serving_.start(*this);
}

void Connection::becomeIdle() {
  idle_since_ = core_.now();
  cancel_reason_ = Reason::kOk;
  // Under load it stays armed, for a time that has passed when it comes: moving it with each request would cost more.
  // After the first one it is another time that counts.
  if (!isArmed() || requests_ == 1) core_.loop().arm(*this, mayBeIdle());
}

Duration Connection::mayBeIdle() const {
  const model::Timeouts& timeouts = (*core_.snapshot())->listeners[listener_->plan].source->timeouts;
  return requests_ ? timeouts.idle : timeouts.header;
}

void Connection::onTaskEnd() {
  core_.loop().post(*this);
}

void Connection::onTime() {
  constexpr Duration kLookAgain = std::chrono::seconds(1);
  if (serving_) return;
  if (stream_->hasUnsent()) return core_.loop().arm(*this, kLookAgain);  // the stream itself bounds how long
  if (listener_->is_removed) return core_.remove(*this);
  const Deadline end = Deadline::after(idle_since_, mayBeIdle());
  if (end.hasPassed(core_.now())) return core_.remove(*this);
  core_.loop().timers().arm(*this, end);
}

void Connection::cancelSoon(Reason reason) {
  if (cancel_reason_ == Reason::kOk) cancel_reason_ = reason;  // kOk: just look again whether the client is there
  core_.loop().post(*this);
}

void Connection::abandon(Reason reason) {
  if (!serving_) return;
  serving_.destroy();
  exchange_->endUnanswered(reason);
  core_.giveExchange(std::move(exchange_));
}

loop::Task<void> Connection::serve(Exchange& exchange) {
  exchange.attach(*this);
  for (;;) {
    Result<Exchange::HeadRead> head = exchange.readHead();
    if (head && *head == Exchange::HeadRead::kWait) head = co_await loop::asResult(exchange.awaitHead());
    if (head && *head == Exchange::HeadRead::kNothing) {
      closes_ = true;  // closed, or silent for too long: nobody waits for an answer
      break;
    }
    exchange.begin(requests_++);
    Result<void> outcome = head ? Result<void>() : std::unexpected(head.error());
    if (outcome) outcome = co_await loop::asResult(proxyExchange(core_, exchange));
    if (!outcome) outcome = co_await loop::asResult(endFailed(exchange, outcome.error()));
    exchange.end();
    bool goes_on = outcome && exchange.keeps_connection && !listener_->is_removed;
    if (goes_on && !exchange.isRequestRead()) {
      goes_on = co_await exchange.drainRequest() && !listener_->is_removed;
    }
    if (!goes_on) {
      closes_ = true;
      if (outcome && exchange.needs_linger) (void)co_await loop::asResult(linger());
      break;
    }
    if (!exchange.nextRequest()) break;
  }
  co_return loop::done;
}

// Closing with unread bytes makes the kernel send a reset, which may destroy the answer on its way (RFC 9112 section
// 9.6): the write side is closed, and what still comes is read and thrown away for a moment.
loop::Task<void> Connection::linger() {
  constexpr Duration kLongest = std::chrono::seconds(1);
  constexpr size_t kMost = 64 << 10;
  stream_->writeThrough();
  if (stream_->hasUnsent()) {
    const Deadline stalled = Deadline::after(core_.now(), exchange_->timeouts().write_stall);
    co_await net::WriteWait(*stream_, stalled, Failure{Reason::kClientStalled});
  }
  stream_->shutdownWrite();
  const Deadline until = Deadline::after(core_.now(), kLongest);
  size_t thrown = 0;
  while (thrown < kMost) {
    co_await net::ReadWait(*stream_, until, Failure{Reason::kClientStalled});
    const net::IoResult read = stream_->read(core_.scratch());
    if (read.isEnd() || (read.error && !read.isBlocked())) break;
    thrown += read.bytes;
  }
  co_return loop::done;
}

void Connection::linkBefore(Connection* first) {
  next_ = first;
  if (first) first->previous_ = this;
}

void Connection::unlink() {
  if (next_) next_->previous_ = previous_;
  if (previous_) previous_->next_ = next_;
}

}  // namespace remora::proxy
