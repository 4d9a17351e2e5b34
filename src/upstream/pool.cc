#include "upstream/pool.h"

#include <algorithm>
#include <utility>

namespace remora::upstream {

bool Connection::provesUntouched(uint64_t sent_before) const {
  const auto proof = stream_->proof();
  // The peer's kernel answers data for a closed socket with a reset and acknowledges nothing (issue of the idle race:
  // TCP state CLOSE, and no more bytes acknowledged than before the request).
  return proof && proof->is_closed && proof->acknowledged <= proof_base_ + sent_before;
}

void Connection::run() {
  if (pool_) pool_->dropEnded(*this);
}

Pool::~Pool() {
  closeAll();
}

std::unique_ptr<Connection> Pool::take() {
  while (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    connection->pool_ = nullptr;
    connection->unqueue();
    connection->stream_->setWatcher(nullptr);
    metrics_.upstream_idle.sub();
    if (isUsable(*connection)) {
      ++connection->exchanges_;
      return connection;
    }
    metrics_.upstream_retired.add();
  }
  return nullptr;
}

bool Pool::isUsable(const Connection& connection) const {
  // Readable while idle: it was closed, or says something that nobody asked for. Either way it isn't trusted.
  if (connection.stream_->mayRead() || connection.stream_->hasHangup()) return false;
  const Instant now = loop_.now();
  if (options_.max_age.count() && now - connection.made_ >= options_.max_age) return false;
  return now - connection.idle_since_ < learner_.usable(options_.idle, now);
}

void Pool::give(std::unique_ptr<Connection> connection) {
  connection->idle_since_ = loop_.now();
  const bool used_up = options_.max_requests && connection->exchanges_ + 1 >= options_.max_requests;
  if (used_up || !isUsable(*connection)) {
    metrics_.upstream_retired.add();
    return;
  }
  if (passOn(connection)) return;
  if (idle_.size() >= options_.max_idle) {
    metrics_.upstream_retired.add();
    return;
  }
  connection->pool_ = this;
  connection->stream_->setWatcher(connection.get());
  idle_.push_back(std::move(connection));
  metrics_.upstream_idle.add();
  if (!isArmed()) armForOldest();  // under load it stays armed: moving it with each request would cost more
}

// False: nobody waits for it, nor for its place among those that the service may have.
bool Pool::passOn(std::unique_ptr<Connection>& connection) {
  const Permits* const slots = connection->slot_.of();
  if (!slots || (slots->waiting() == 0 && !slots->isOver())) return false;
  ConnectionWait* const first = slots->isOver() ? nullptr : queue_.first();
  if (!first || first->mustYield()) {
    metrics_.upstream_retired.add();
    connection.reset();
    return true;
  }
  ++connection->exchanges_;
  first->give(std::move(connection));
  return true;
}

bool Pool::retireOldest() {
  if (idle_.empty()) return false;
  idle_.erase(idle_.begin());
  metrics_.upstream_idle.sub();
  metrics_.upstream_retired.add();
  return true;
}

void Pool::armForOldest() {
  if (idle_.empty()) {
    loop_.timers().disarm(*this);
    return;
  }
  const Duration usable = learner_.usable(options_.idle, loop_.now());
  loop_.timers().arm(*this, Deadline::at(idle_.front()->idle_since_ + usable));
}

void Pool::onTime() {
  const Instant now = loop_.now();
  const Duration usable = learner_.usable(options_.idle, now);
  const auto first_usable = std::find_if(
      idle_.begin(), idle_.end(), [&](const std::unique_ptr<Connection>& c) { return now - c->idle_since_ < usable; });
  const auto retired = first_usable - idle_.begin();
  idle_.erase(idle_.begin(), first_usable);
  metrics_.upstream_idle.sub(retired);
  metrics_.upstream_retired.add(static_cast<uint64_t>(retired));
  armForOldest();
}

void Pool::dropEnded(Connection& connection) {
  const Instant now = loop_.now();
  if (connection.stream_->hasHangup()) {
    learner_.observeClose(now - connection.idle_since_, now);
    metrics_.upstream_closed_by_peer.add();
  } else {
    metrics_.glitches_upstream.add();  // bytes that nobody asked for
  }
  metrics_.upstream_idle.sub();
  std::erase_if(idle_, [&](const std::unique_ptr<Connection>& c) { return c.get() == &connection; });
  armForOldest();  // what was just learned may shorten the life of the others
}

void Pool::closeAll() {
  metrics_.upstream_idle.sub(static_cast<int64_t>(idle_.size()));
  idle_.clear();
}

}  // namespace remora::upstream
