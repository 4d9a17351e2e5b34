#include "proxy/connection.h"

#include <algorithm>
#include <utility>

namespace remora::proxy {

Connection::Connection(Core& core, Origin origin) : core_(core), idle_since_(core.now()), origin_(std::move(origin)) {}

Connection::~Connection() = default;

const model::Listener& Connection::settings() const {
  return *planIn(**core_.snapshot()).source;
}

const snapshot::ListenerPlan& Connection::planIn(const snapshot::Snapshot& snapshot) const {
  return snapshot.listeners[std::min<size_t>(listener().plan, snapshot.listeners.size() - 1)];
}

void Connection::beginRecord(observe::ExchangeRecord& record, const snapshot::Snapshot& snapshot,
                             const snapshot::ListenerPlan& plan, Instant start,
                             std::span<char, net::kPeerTextMax> remote) {
  record.start = start;
  record.start_wall_nanos = core_.wallNanos(start);
  record.generation = snapshot.generation;
  record.inbound = plan.source->direction == model::Direction::kInbound;
  record.listener = listener().name;
  record.remote = record.client = {remote.data(), net::printPeer(peer(), remote)};
}

Duration Connection::mayBeIdle() const {
  const model::Timeouts& timeouts = settings().timeouts;
  return requests_ ? timeouts.idle : timeouts.header;
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
