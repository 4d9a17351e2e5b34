// Waiting for a connection to an endpoint where its service may have no more: until it may have one more, or until one
// that is there already is free. Belongs to one core.
#pragma once

#include <array>
#include <list>
#include <memory>

#include "http/h2_stream.h"
#include "upstream/connection_limit.h"

namespace remora::upstream {

class Connection;
class H2Connection;

// What a wait ended with: one of these.
struct GrantedConnection {
  GrantedConnection();
  ~GrantedConnection();

  Permits::Permit slot;  // connect anew
  std::unique_ptr<Connection> connection;
  std::unique_ptr<http::H2Stream> stream;
  H2Connection* shared = nullptr;  // of the stream
};

class ConnectionWait;

// Those who wait for a connection to one endpoint.
class ConnectionQueue {
 public:
  // Who has the highest priority, and of these has waited longest; null: nobody.
  ConnectionWait* first() const;

 private:
  friend class ConnectionWait;
  using Line = std::list<ConnectionWait*>;
  std::array<Line, model::kPriorities> lines_;
};

class ConnectionWait final : public PermitWait {
 public:
  // `queue`: null where only a new one will do. The others: see PermitWait.
  ConnectionWait(ConnectionQueue* queue, ConnectionLimit& limit, loop::Loop& loop, const net::Patience& patience,
                 GrantedConnection& into, Priority priority, Failure full);
  ~ConnectionWait() override;

  // One on another core, or for another endpoint of the service, has waited so much longer that it goes first.
  bool mustYield() const;
  void give(std::unique_ptr<Connection> connection);
  void give(std::unique_ptr<http::H2Stream> stream, H2Connection& shared);

 private:
  GrantedConnection& into_;
  ConnectionQueue::Line* line_ = nullptr;  // null: in none
  ConnectionQueue::Line::iterator place_;
};

// So much later than another one may come who gets a connection of its own core before that: to connect anew costs more
// than the turn is worth.
inline constexpr Duration kConnectionTurn = std::chrono::milliseconds(10);

}  // namespace remora::upstream
