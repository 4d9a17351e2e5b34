// HTTP/2 connections to one endpoint, on one core: few, each shared by the streams of many exchanges. The first with
// room takes the next stream, so that the others fall idle and are retired. Belongs to one core.
#pragma once

#include <memory>
#include <vector>

#include "http/h2_session.h"
#include "loop/loop.h"
#include "model/cluster.h"
#include "net/stream.h"
#include "observe/metrics.h"
#include "upstream/connection_wait.h"

namespace remora::tls {
struct Facts;
}

namespace remora::upstream {

class H2Pool;

// One connection; ends itself when it was idle for too long or its session ended.
class H2Connection final : http::H2Session::Owner, loop::Runnable, loop::Timer {
 public:
  // `slot`: among the connections that its service may have.
  H2Connection(H2Pool& pool, std::unique_ptr<net::Stream> transport, const tls::Facts* tls, std::span<char> scratch,
               const http::H2Bounds& bounds, Permits::Permit slot);
  ~H2Connection();

  http::H2Session& session() { return session_; }
  const tls::Facts* tls() const { return tls_; }
  bool mayOpen() const;
  // And a request that comes now may have a stream of it: nobody else has waited for so long that it is their turn.
  bool mayTakeNext();
  // It won't take another stream: used up, told to go away, or ended.
  bool isSpent() const;
  // A stream for one exchange; null when it takes no more after all.
  std::unique_ptr<http::H2Stream> open();

 private:
  friend class H2Pool;
  void onRequest(std::unique_ptr<http::H2Stream>) override {}  // a client gets none
  void onSessionChange() override;
  void run() override;
  void onTime() override;

  void lend();
  bool isLimited() const { return slot_.of() && slot_.of()->most() != 0; }
  bool yields(bool is_others_turn);
  void retire();

  Permits::Permit slot_;  // given back once the transport is closed
  H2Pool& pool_;
  std::unique_ptr<net::Stream> transport_;
  const tls::Facts* tls_;
  http::H2Session session_;
  Instant made_;
  Instant idle_since_;
  Instant yields_since_{0};  // 0: it doesn't, or had no stream since
  uint64_t exchanges_ = 0;
};

class H2Pool final : private loop::Timer {
 public:
  // `queue`: of those who wait for a connection to the endpoint; outlives this.
  H2Pool(loop::Loop& loop, observe::CoreMetrics& metrics, ConnectionQueue& queue)
      : loop_(loop), metrics_(metrics), queue_(queue) {}

  void setOptions(const model::PoolOptions& options) { options_ = options; }
  // A connection that takes another stream now; null when there is none.
  H2Connection* connectionWithRoom();
  H2Connection& add(std::unique_ptr<net::Stream> transport, const tls::Facts* tls, std::span<char> scratch,
                    const http::H2Bounds& bounds, Permits::Permit slot = {});
  // One that has no stream. False: there is none.
  bool retireIdle();
  bool holds(const H2Connection& connection) const;  // it has not ended since
  // What runs may finish; nothing new begins.
  void closeAll();

  // One exchange connects and the others wait for what comes of it, so that a burst doesn't make a connection each.
  bool isConnecting() const { return connecting_ != nullptr; }
  class Connecting {
   public:
    explicit Connecting(H2Pool& pool) : pool_(pool) { pool.connecting_ = this; }
    ~Connecting() {
      pool_.connecting_ = nullptr;
      pool_.wakeWaiters();
    }
    Connecting(const Connecting&) = delete;
    Connecting& operator=(const Connecting&) = delete;

   private:
    H2Pool& pool_;
  };

 private:
  friend class H2Connection;
  friend class ConnectingWait;
  void onTime() override;
  void drop(H2Connection& connection);
  void wakeWaiters();

  loop::Loop& loop_;
  observe::CoreMetrics& metrics_;
  ConnectionQueue& queue_;
  model::PoolOptions options_;
  std::vector<std::unique_ptr<H2Connection>> connections_;
  Connecting* connecting_ = nullptr;
  class ConnectingWait* waiters_ = nullptr;
};

// Where others wait for its place a connection takes no new streams, so that it falls idle and is closed; but for no
// longer than this, if its streams don't end: then nobody would have anything of it.
inline constexpr Duration kYieldsFor = std::chrono::seconds(1);

// Until the one that connects is done, one way or the other; at the deadline it fails with `late`.
class ConnectingWait final : public loop::Wait, private loop::Timer {
 public:
  ConnectingWait(H2Pool& pool, const net::Patience& patience);
  ~ConnectingWait();

 private:
  friend class H2Pool;
  void onTime() override { finish(pool_.loop_.queue(), std::unexpected(late_)); }
  void unlink();

  H2Pool& pool_;
  Failure late_;
  ConnectingWait* next_ = nullptr;
  ConnectingWait* previous_ = nullptr;
  bool is_linked_ = false;
};

}  // namespace remora::upstream
