// Connections to one endpoint that wait to be used again, on one core. The one used last is used next: the others
// grow old and are retired. A connection that ends while it waits is dropped at once, and teaches the IdleLearner.
// Where the service may have no more connections, one that is given back goes to who waits for it.
#pragma once

#include <memory>
#include <vector>

#include "base/ref.h"
#include "loop/loop.h"
#include "model/cluster.h"
#include "net/stream.h"
#include "observe/metrics.h"
#include "upstream/connection_wait.h"
#include "upstream/idle_learner.h"

namespace remora::tls {
struct Facts;
}

namespace remora::upstream {

class Pool;

// One connection to an application. In the pool it is just this struct: nothing runs for it.
class Connection final : private loop::Runnable {
 public:
  // `slot`: among those that its service may have.
  Connection(std::unique_ptr<net::Stream> stream, const tls::Facts* tls, Instant now, Permits::Permit slot = {})
      : slot_(std::move(slot)), stream_(std::move(stream)), tls_(tls), made_(now) {}

  net::Stream& stream() { return *stream_; }
  const tls::Facts* tls() const { return tls_; }  // inside the stream; null: plaintext
  uint64_t exchanges() const { return exchanges_; }
  Instant made() const { return made_; }

  // Bytes of ours that the endpoint's host had acknowledged when it was connected, to compare a proof with.
  void noteProofBase(uint64_t acknowledged) { proof_base_ = acknowledged; }
  void noteSent(uint64_t bytes) { sent_ += bytes; }
  // True: the transport proves that nothing sent after the first `sent_before` bytes was taken by the other side.
  bool provesUntouched(uint64_t sent_before) const;
  uint64_t sent() const { return sent_; }

 private:
  friend class Pool;
  void run() override;  // something happened while it was idle

  Permits::Permit slot_;  // given back once the stream is closed
  std::unique_ptr<net::Stream> stream_;
  const tls::Facts* tls_;
  Pool* pool_ = nullptr;  // while idle
  Instant made_;
  Instant idle_since_{0};
  uint64_t exchanges_ = 0;
  uint64_t sent_ = 0;
  uint64_t proof_base_ = 0;
};

class Pool final : private loop::Timer {
 public:
  // `queue`: of those who wait for a connection to the endpoint; outlives this.
  Pool(loop::Loop& loop, observe::CoreMetrics& metrics, ConnectionQueue& queue)
      : loop_(loop), metrics_(metrics), queue_(queue) {}
  ~Pool();

  void setOptions(const model::PoolOptions& options) { options_ = options; }
  // The freshest connection that may still be used; null when there is none.
  std::unique_ptr<Connection> take();
  // Keeps a connection whose exchange ended cleanly, or retires it.
  void give(std::unique_ptr<Connection> connection);
  void closeAll();
  // The one that was unused for longest. False: there is none.
  bool retireOldest();

  size_t idle() const { return idle_.size(); }
  Duration learnedIdle() const { return learner_.learned(loop_.now()); }

 private:
  friend class Connection;
  void onTime() override;
  void dropEnded(Connection& connection);
  bool isUsable(const Connection& connection) const;
  bool passOn(std::unique_ptr<Connection>& connection);
  void armForOldest();

  loop::Loop& loop_;
  observe::CoreMetrics& metrics_;
  ConnectionQueue& queue_;
  model::PoolOptions options_;
  IdleLearner learner_;
  std::vector<std::unique_ptr<Connection>> idle_;  // by idle_since_, the oldest first
};

}  // namespace remora::upstream
