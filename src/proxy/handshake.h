// A downstream connection whose TLS handshake is under way. When it is settled, what speaks over it takes its place;
// when it fails, the peer has its alert and the connection is recorded. Belongs to one core.
#pragma once

#include "loop/loop.h"
#include "proxy/connection.h"
#include "tls/tls_stream.h"

namespace remora::proxy {

class Handshake final : public Connection, loop::Runnable, loop::Timer {
 public:
  Handshake(Core& core, Origin origin, std::shared_ptr<const tls::ServerContext> context, const net::Peer& destination);
  ~Handshake() override;

  void start() override;
  bool isIdle() const override { return false; }
  void abandon(Reason) override {}

 private:
  void run() override;
  void onTime() override;
  void fail(Failure failure);

  const Duration most_;
  const net::Peer destination_;
  tls::TlsStream* stream_;  // the transport
};

}  // namespace remora::proxy
