#include "upstream/h2_pool.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

H2Connection::H2Connection(H2Pool& pool, std::unique_ptr<net::Stream> transport, const tls::Facts* tls,
                           std::span<char> scratch, const http::H2Bounds& bounds, Permits::Permit slot)
    : slot_(std::move(slot)),
      pool_(pool),
      transport_(std::move(transport)),
      tls_(tls),
      session_(http::H2Session::Role::kClient, *transport_, scratch, bounds, *this),
      made_(pool.loop_.now()),
      idle_since_(made_) {
  session_.start();
  pool_.metrics_.upstream_h2_connections.add();
}

H2Connection::~H2Connection() {
  pool_.metrics_.upstream_h2_connections.sub();
}

bool H2Connection::mayOpen() const {
  return !isSpent() && session_.mayOpen();
}

bool H2Connection::isSpent() const {
  const model::PoolOptions& options = pool_.options_;
  if (options.max_requests && exchanges_ >= options.max_requests) return true;
  if (options.max_age.count() && pool_.loop_.now() - made_ >= options.max_age) return true;
  return session_.isEnded() || session_.isDraining();
}

std::unique_ptr<http::H2Stream> H2Connection::open() {
  std::unique_ptr<http::H2Stream> stream = session_.openStream();
  if (stream) ++exchanges_;
  return stream;
}

void H2Connection::onSessionChange() {
  pool_.loop_.post(*this);
}

void H2Connection::run() {
  pool_.wakeWaiters();  // its SETTINGS may have come, or it has room
  if (session_.isEnded()) {
    if (session_.isIdle()) pool_.metrics_.upstream_closed_by_peer.add();
    return pool_.drop(*this);
  }
  lend();
  if (!session_.isIdle()) return;
  idle_since_ = pool_.loop_.now();
  yields_since_ = Instant{0};
  // Told to go away, used up, or in the place of one that others wait for.
  const Permits* const slots = slot_.of();
  if (!mayOpen() || (slots && (slots->waiting() > 0 || slots->isOver()))) return retire();
  if (!isArmed()) pool_.loop_.arm(*this, pool_.options_.idle);
}

void H2Connection::onTime() {
  if (!session_.isIdle()) return;  // armed again when it is
  const Deadline end = Deadline::after(idle_since_, pool_.options_.idle);
  if (!end.hasPassed(pool_.loop_.now())) return pool_.loop_.timers().arm(*this, end);
  retire();
}

// Destroys this.
void H2Connection::retire() {
  pool_.metrics_.upstream_retired.add();
  session_.end(http::H2Error::kNone);
  pool_.drop(*this);
}

// Streams for those who wait, since the service may have no more connections.
void H2Connection::lend() {
  const Permits* const slots = slot_.of();
  while (slots && slots->waiting() > 0 && mayOpen()) {
    ConnectionWait* const first = pool_.queue_.first();
    if (!first || yields(first->mustYield())) return;
    std::unique_ptr<http::H2Stream> stream = open();
    if (!stream) return;
    first->give(std::move(stream), *this);
  }
}

bool H2Connection::mayTakeNext() {
  if (!mayOpen()) return false;
  Permits* const slots = slot_.of();
  if (!slots || slots->waiting() == 0) return true;
  const std::optional<Permits::Claim> next = slots->nextInLine();
  return !yields(next && next->since + kConnectionTurn < pool_.loop_.now());
}

bool H2Connection::yields(bool is_others_turn) {
  if (!is_others_turn) return false;
  const Instant now = pool_.loop_.now();
  if (yields_since_ == Instant{0}) yields_since_ = now;
  return now - yields_since_ < kYieldsFor;
}

H2Connection* H2Pool::connectionWithRoom() {
  const auto found = std::ranges::find_if(connections_, [](const auto& each) { return each->mayTakeNext(); });
  if (found != connections_.end()) return found->get();
  const bool may_wait = std::ranges::any_of(connections_, [](const auto& each) { return each->isLimited(); });
  if (may_wait && !isArmed()) loop_.arm(*this, kConnectionTurn);
  return nullptr;
}

// Not every change that makes room is told of: whose turn it is, or how much is unsent.
void H2Pool::onTime() {
  for (const auto& connection : connections_) connection->lend();
  if (queue_.first()) loop_.arm(*this, kConnectionTurn);
}

H2Connection& H2Pool::add(std::unique_ptr<net::Stream> transport, const tls::Facts* tls, std::span<char> scratch,
                          const http::H2Bounds& bounds, Permits::Permit slot) {
  connections_.push_back(
      std::make_unique<H2Connection>(*this, std::move(transport), tls, scratch, bounds, std::move(slot)));
  return *connections_.back();
}

void H2Pool::closeAll() {
  for (const auto& connection : connections_) connection->session().goAway();
  std::erase_if(connections_, [](const auto& connection) { return connection->session().isIdle(); });
}

bool H2Pool::retireIdle() {
  const auto idle = std::ranges::find_if(connections_, [](const auto& each) { return each->session().isIdle(); });
  if (idle == connections_.end()) return false;
  (*idle)->retire();
  return true;
}

bool H2Pool::holds(const H2Connection& connection) const {
  return std::ranges::any_of(connections_, [&](const auto& known) { return known.get() == &connection; });
}

void H2Pool::drop(H2Connection& connection) {
  std::erase_if(connections_, [&](const auto& known) { return known.get() == &connection; });
}

void H2Pool::wakeWaiters() {
  while (waiters_) {
    ConnectingWait& first = *waiters_;
    first.unlink();
    first.finish(loop_.queue(), {});
  }
}

ConnectingWait::ConnectingWait(H2Pool& pool, const net::Patience& patience)
    : pool_(pool), late_(patience.failure(pool.loop_.now())) {
  next_ = std::exchange(pool.waiters_, this);
  if (next_) next_->previous_ = this;
  is_linked_ = true;
  pool.loop_.timers().arm(*this, patience.until(pool.loop_.now()));
}

ConnectingWait::~ConnectingWait() {
  unlink();
}

void ConnectingWait::unlink() {
  if (!std::exchange(is_linked_, false)) return;
  if (next_) next_->previous_ = previous_;
  (previous_ ? previous_->next_ : pool_.waiters_) = next_;
}

}  // namespace remora::upstream
