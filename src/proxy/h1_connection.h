// A downstream connection that speaks HTTP/1. Idle it is just this struct, without a buffer or a coroutine; those exist
// only while an exchange runs. Belongs to one core, which destroys it from the run queue.
#pragma once

#include <memory>

#include "loop/loop.h"
#include "proxy/connection.h"
#include "proxy/downstream.h"

namespace remora::proxy {

class H1Connection final : public Connection, public Downstream, loop::TaskOwner, loop::Timer {
 public:
  // kHttp2Too: a connection that begins with HTTP/2's preface becomes an H2Connection.
  enum class Takes : uint8_t { kHttp1Only, kHttp2Too };
  H1Connection(Core& core, Origin origin, Takes takes);
  ~H1Connection() override;

  void start() override;
  bool isIdle() const override { return !serving_ && !transport().hasUnsent(); }
  void abandon(Reason reason) override;

 private:
  void run() override;  // something happened, or the serving task ended
  void onTaskEnd() override;
  void onTime() override;  // idle for too long, or no request after accept
  loop::Task<void> serve(Exchange& exchange);
  void startServing();
  void becomeIdle();
  void becomeHttp2();
  bool isClientGone() const;
  loop::Task<void> linger();

  loop::Task<void> serving_;
  std::unique_ptr<Exchange> exchange_;  // while serving
  bool closes_ = false;                 // after the serving task ended
  bool takes_http2_;
  bool is_http2_ = false;  // the preface came: after the serving task ended another connection takes this one's place
};

}  // namespace remora::proxy
