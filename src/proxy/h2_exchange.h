// What serves one request of an HTTP/2 connection: its stream, an exchange and the task that runs it. Belongs to its
// H2Connection, which destroys it from the run queue.
#pragma once

#include <memory>

#include "http/h2_session.h"
#include "loop/frame_pool.h"
#include "loop/loop.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"

namespace remora::proxy {

class H2Connection;

class H2Exchange final : public Downstream, public loop::Pooled, loop::TaskOwner {
 public:
  H2Exchange(H2Connection& connection, std::unique_ptr<http::H2Stream> stream);
  ~H2Exchange();

  void start(uint64_t earlier_requests);
  // Ends and records it; nothing is sent any more.
  void abandon(Reason reason);

  size_t position = 0;  // among its connection's
  const bool has_body;  // more of the request was to come when it began

 private:
  void run() override;  // the stream was reset, or the serving task ended
  void onTaskEnd() override { core_.loop().post(*this); }
  loop::Task<void> serve(Exchange& exchange, uint64_t earlier_requests);

  H2Connection& owner_;
  Core& core_;
  std::unique_ptr<http::H2Stream> stream_;
  std::unique_ptr<Exchange> exchange_;
  loop::Task<void> serving_;
};

}  // namespace remora::proxy
