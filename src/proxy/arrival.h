// A downstream connection before it is known what serves it: first bytes are looked at without taking them, until a
// chain can be chosen or the listener's `detection` is over; then what serves it takes its place. Most connections
// need none of that and never are one. Belongs to one core, which destroys it from the run queue.
#pragma once

#include <memory>

#include "loop/loop.h"
#include "net/address.h"
#include "proxy/choose_chain.h"
#include "proxy/connection.h"

namespace remora::proxy {

// What a fresh connection is at first, by its listener's settings.
std::unique_ptr<Connection> makeConnection(Core& core, Connection::Origin origin);

// What it is once its handshake is settled; `destination` as it was at the accept.
std::unique_ptr<Connection> makeAfterHandshake(Core& core, Connection::Origin origin, const net::Peer& destination);

class Arrival final : public Connection, loop::Runnable, loop::Timer {
 public:
  Arrival(Core& core, Origin origin, const net::Peer& destination);

  void start() override;
  bool isIdle() const override { return !has_bytes_; }
  void abandon(Reason) override {}  // nothing is under way yet that a record could tell of

 private:
  void run() override;                      // something came
  void onTime() override { choose(true); }  // no more is waited for
  void choose(bool is_late);

  const net::Peer destination_;
  bool has_bytes_ = false;
};

}  // namespace remora::proxy
