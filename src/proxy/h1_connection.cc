#include "proxy/h1_connection.h"

#include <string>
#include <utility>

#include "proxy/exchange.h"
#include "proxy/h2_connection.h"
#include "proxy/reply.h"

namespace remora::proxy {

H1Connection::H1Connection(Core& core, Origin origin, Takes takes)
    : Connection(core, std::move(origin)),
      Downstream(*this, transport(), nullptr),
      takes_http2_(takes == Takes::kHttp2Too) {}

H1Connection::~H1Connection() {
  serving_.destroy();  // before the exchange that it serves
}

void H1Connection::start() {
  transport().setWatcher(this);
  idle_since_ = core_.now();
  core_.loop().arm(*this, mayBeIdle());
  if (transport().mayRead()) core_.loop().post(*this);
}

void H1Connection::run() {
  if (serving_ && !serving_.isEnded()) {
    if (cancel_reason_ == Reason::kOk && isClientGone()) {
      cancel_reason_ = transport().hasError() ? Reason::kClientReset : Reason::kClientGone;
    }
    if (cancel_reason_ == Reason::kOk) return;
    abandon(cancel_reason_);
    return core_.remove(*this);
  }
  if (serving_) {
    serving_.destroy();
    if (is_http2_) return becomeHttp2();
    core_.giveExchange(std::move(exchange_));
    if (!closes_ && !listener().is_removed) becomeIdle();
  }
  const bool ends = closes_ || listener().is_removed;
  // Not before its last answer went out; the stream tells when it has, or that it never will.
  if (ends || transport().hasHangup()) transport().flush();
  if (transport().hasUnsent() && !transport().hasError()) return;
  if (ends) return core_.remove(*this);
  if (transport().mayRead() || transport().hasHangup()) startServing();
}

bool H1Connection::isClientGone() const {
  return transport().hasError() || (transport().hasHangup() && exchange_->cancelsOnFin());
}

void H1Connection::startServing() {
  exchange_ = core_.takeExchange();
  serving_ = serve(*exchange_);
  serving_.start(*this);
}

void H1Connection::becomeIdle() {
  idle_since_ = core_.now();
  cancel_reason_ = Reason::kOk;
  // Under load it stays armed, for a time that has passed when it comes: moving it with each request would cost more.
  // After the first one it is another time that counts.
  if (!isArmed() || requests_ == 1) core_.loop().arm(*this, mayBeIdle());
}

void H1Connection::becomeHttp2() {
  const std::string first = exchange_->takeUnread();
  core_.giveExchange(std::move(exchange_));
  core_.replace(*this, std::make_unique<H2Connection>(core_, std::move(origin()), first));
}

void H1Connection::onTaskEnd() {
  core_.loop().post(*this);
}

void H1Connection::onTime() {
  constexpr Duration kLookAgain = std::chrono::seconds(1);
  if (serving_) return;
  if (transport().hasUnsent()) return core_.loop().arm(*this, kLookAgain);  // the stream itself bounds how long
  if (listener().is_removed) return core_.remove(*this);
  const Deadline end = Deadline::after(idle_since_, mayBeIdle());
  if (end.hasPassed(core_.now())) return core_.remove(*this);
  core_.loop().timers().arm(*this, end);
}

void H1Connection::abandon(Reason reason) {
  if (!serving_) return;
  serving_.destroy();
  exchange_->endUnanswered(reason);
  core_.giveExchange(std::move(exchange_));
}

loop::Task<void> H1Connection::serve(Exchange& exchange) {
  exchange.attach(*this);
  if (takes_http2_ && requests_ == 0) exchange.expectPreface();
  for (;;) {
    Result<Exchange::HeadRead> head = exchange.readHead();
    if (head && *head == Exchange::HeadRead::kWait) head = co_await loop::asResult(exchange.awaitHead());
    if (head && *head == Exchange::HeadRead::kHttp2Preface) {
      is_http2_ = true;
      break;
    }
    if (head && *head == Exchange::HeadRead::kNothing) {
      closes_ = true;  // closed, or silent for too long: nobody waits for an answer
      break;
    }
    exchange.begin(requests_++);
    Result<void> outcome = head ? Result<void>() : std::unexpected(head.error());
    if (outcome) outcome = co_await loop::asResult(proxyExchange(core_, exchange));
    if (!outcome) outcome = co_await loop::asResult(endFailed(exchange, outcome.error()));
    exchange.end();
    bool goes_on = outcome && exchange.keeps_connection && !listener().is_removed;
    if (goes_on && !exchange.isRequestRead()) {
      goes_on = co_await exchange.drainRequest() && !listener().is_removed;
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
loop::Task<void> H1Connection::linger() {
  constexpr Duration kLongest = std::chrono::seconds(1);
  constexpr size_t kMost = 64 << 10;
  transport().writeThrough();
  if (transport().hasUnsent()) {
    const Deadline stalled = Deadline::after(core_.now(), exchange_->timeouts().write_stall);
    co_await net::WriteWait(transport(), stalled, Failure{Reason::kClientStalled});
  }
  transport().shutdownWrite();
  const Deadline until = Deadline::after(core_.now(), kLongest);
  size_t thrown = 0;
  while (thrown < kMost) {
    co_await net::ReadWait(transport(), until, Failure{Reason::kClientStalled});
    const net::IoResult read = transport().read(core_.scratch());
    if (read.isEnd() || (read.error && !read.isBlocked())) break;
    thrown += read.bytes;
  }
  co_return loop::done;
}

}  // namespace remora::proxy
