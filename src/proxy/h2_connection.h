// A downstream connection that speaks HTTP/2: a session, and for each of its open streams an exchange. Belongs to one
// core, which destroys it from the run queue.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h2_session.h"
#include "loop/loop.h"
#include "proxy/connection.h"

namespace remora::proxy {

class H2Exchange;

class H2Connection final : public Connection, http::H2Session::Owner, loop::Runnable, loop::Timer {
 public:
  // `first`: what was already read, from the preface on.
  H2Connection(Core& core, Origin origin, std::string first = {});
  ~H2Connection() override;

  void start() override;
  bool isIdle() const override { return exchanges_.empty(); }
  void abandon(Reason reason) override;
  void startDraining() override;

  // Of an exchange that ended; from the run queue.
  void remove(H2Exchange& exchange);

 private:
  void onRequest(std::unique_ptr<http::H2Stream> stream) override;
  bool mayTakeRequest() override;
  void onSessionChange() override;
  void run() override;
  void onTime() override;
  void countBodies(int change);

  http::H2Session session_;
  std::string first_;
  std::vector<std::unique_ptr<H2Exchange>> exchanges_;
  int64_t stream_window_;
  int64_t connection_window_;
  int64_t bodies_ = 0;    // exchanges whose request had one
  int64_t promised_ = 0;  // of memory, to overload's watch
};

}  // namespace remora::proxy
