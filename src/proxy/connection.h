// A downstream connection. Idle it is just this struct, without a buffer or a coroutine; those exist only while an
// exchange runs. Belongs to one core, which destroys it from the run queue.
#pragma once

#include <memory>

#include "loop/loop.h"
#include "net/stream.h"
#include "proxy/core.h"

namespace remora::proxy {

class Connection final : loop::Runnable, loop::TaskOwner, loop::Timer {
 public:
  Connection(Core& core, std::unique_ptr<net::Stream> stream, const net::Peer& peer, Ref<ListenerState> listener);
  ~Connection();

  void start();
  Core& core() { return core_; }
  net::Stream& stream() { return *stream_; }
  const net::Peer& peer() const { return peer_; }
  const ListenerState& listener() const { return *listener_; }
  bool isIdle() const { return !serving_ && !stream_->hasUnsent(); }
  Instant idleSince() const { return idle_since_; }
  uint64_t requests() const { return requests_; }

  // The connection failed while something else than reading it was going on: ends the exchange from the run queue.
  void cancelSoon(Reason reason);
  // Ends the exchange under way, records it with `reason`, and closes; nothing is sent any more.
  void abandon(Reason reason);

  // The core's list of connections.
  Connection* next() const { return next_; }
  void linkBefore(Connection* first);
  void unlink();

 private:
  void run() override;  // something happened, or the serving task ended
  void onTaskEnd() override;
  void onTime() override;  // idle for too long, or no request after accept
  loop::Task<void> serve(Exchange& exchange);
  void startServing();
  void becomeIdle();
  Duration mayBeIdle() const;
  bool isClientGone() const;
  loop::Task<void> linger();

  Core& core_;
  std::unique_ptr<net::Stream> stream_;
  Ref<ListenerState> listener_;
  loop::Task<void> serving_;
  std::unique_ptr<Exchange> exchange_;  // while serving
  Connection* next_ = nullptr;
  Connection* previous_ = nullptr;
  Instant idle_since_;
  uint64_t requests_ = 0;
  net::Peer peer_;
  Reason cancel_reason_ = Reason::kOk;  // other than kOk: to be cancelled
  bool closes_ = false;                 // after the serving task ended
};

}  // namespace remora::proxy
