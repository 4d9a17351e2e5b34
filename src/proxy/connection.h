// A downstream connection, whatever protocol it speaks: one of the core's list, from the accept until it is removed.
// What it is before its protocol is known is an Arrival; then an H1Connection, an H2Connection or a TcpConnection takes
// its place. Belongs to one core, which destroys it from the run queue.
#pragma once

#include <memory>

#include "net/stream.h"
#include "proxy/core.h"

namespace remora::tls {
struct Facts;
}

namespace remora::proxy {

class Connection {
 public:
  // What goes from one protocol's connection to the next.
  struct Origin {
    std::unique_ptr<net::Stream> transport;
    net::Peer peer;
    Ref<ListenerState> listener;
    const tls::Facts* tls = nullptr;  // what the handshake settled, inside the transport; null: plaintext
  };
  Connection(Core& core, Origin origin);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  virtual void start() = 0;
  // Nothing is under way, and nothing of an answer is still to be sent.
  virtual bool isIdle() const = 0;
  // Ends what is under way, records it with `reason`, and closes; nothing is sent any more.
  virtual void abandon(Reason reason) = 0;
  // remora is going to end: says so to the client, where the protocol can.
  virtual void startDraining() {}

  Core& core() { return core_; }
  net::Stream& transport() { return *origin_.transport; }
  const net::Stream& transport() const { return *origin_.transport; }
  const net::Peer& peer() const { return origin_.peer; }
  const ListenerState& listener() const { return *origin_.listener; }
  const Ref<ListenerState>& listenerRef() const { return origin_.listener; }
  const tls::Facts* tls() const { return origin_.tls; }
  Instant idleSince() const { return idle_since_; }
  uint64_t requests() const { return requests_; }  // begun on it

  // Its listener's, in a Snapshot that may be newer than the listener: then any does until the connection ends.
  const snapshot::ListenerPlan& planIn(const snapshot::Snapshot& snapshot) const;
  // What a record says of the connection that it is about; its texts lie in `remote` and in the listener's state.
  void beginRecord(observe::ExchangeRecord& record, const snapshot::Snapshot& snapshot,
                   const snapshot::ListenerPlan& plan, Instant start, std::span<char, net::kPeerTextMax> remote);

  // The core's list of connections.
  Connection* next() const { return next_; }
  void linkBefore(Connection* first);
  void unlink();

 protected:
  // For whoever takes this one's place, and moves it out.
  Origin& origin() { return origin_; }
  const model::Listener& settings() const;  // of the current Snapshot
  // Without a request under way: for its first one, or between two.
  Duration mayBeIdle() const;

  Core& core_;
  Instant idle_since_;
  uint64_t requests_ = 0;

 private:
  Origin origin_;
  Connection* next_ = nullptr;
  Connection* previous_ = nullptr;
};

}  // namespace remora::proxy
