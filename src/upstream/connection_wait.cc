#include "upstream/connection_wait.h"

#include <algorithm>
#include <utility>

#include "upstream/h2_pool.h"
#include "upstream/pool.h"

namespace remora::upstream {

GrantedConnection::GrantedConnection() = default;
GrantedConnection::~GrantedConnection() = default;

// One that is done resumes in this turn, and leaves then.
ConnectionWait* ConnectionQueue::first() const {
  for (const Line& line : lines_) {
    const auto found = std::ranges::find_if(line, [](const ConnectionWait* wait) { return !wait->isDone(); });
    if (found != line.end()) return *found;
  }
  return nullptr;
}

ConnectionWait::ConnectionWait(ConnectionQueue* queue, ConnectionLimit& limit, loop::Loop& loop,
                               const net::Patience& patience, GrantedConnection& into, Priority priority, Failure full)
    : PermitWait(limit.permits, loop, patience, into.slot, priority, full), into_(into) {
  if (isDone()) return;
  limit.askAll();
  if (!queue) return;
  line_ = &queue->lines_[static_cast<size_t>(priority)];
  place_ = line_->insert(line_->end(), this);
}

ConnectionWait::~ConnectionWait() {
  if (line_) line_->erase(place_);
}

bool ConnectionWait::mustYield() const {
  const std::optional<Permits::Claim> next = permits().nextInLine();
  if (!next || next->priority > claim().priority) return false;
  return next->priority < claim().priority || next->since + kConnectionTurn < claim().since;
}

void ConnectionWait::give(std::unique_ptr<Connection> connection) {
  into_.connection = std::move(connection);
  endWithout();
}

void ConnectionWait::give(std::unique_ptr<http::H2Stream> stream, H2Connection& shared) {
  into_.stream = std::move(stream);
  into_.shared = &shared;
  endWithout();
}

}  // namespace remora::upstream
