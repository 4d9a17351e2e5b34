// A stream over a connected socket (TCP or Unix), edge-triggered: one registration for its whole life, a short read
// means drained. Destroying it closes the socket. Belongs to one loop.
#pragma once

#include <memory>

#include "loop/poller.h"
#include "loop/sys.h"
#include "net/stream.h"

namespace remora::net {

class TcpStream final : public Stream, private loop::Pollable {
 public:
  enum class State : uint8_t { kConnecting, kConnected };
  // Takes the descriptor over. It must be non-blocking.
  TcpStream(loop::Loop& loop, loop::Sys& sys, int fd, State state);
  ~TcpStream() override;

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  void shutdownWrite() override;
  void resetOnClose() override;
  int connectError() override;
  std::optional<TransportProof> proof() const override;
  int descriptor() const override { return fd_; }
  void acknowledgeNow() override;
  // False when the system had no room to register the descriptor; nothing will ever be heard of it then.
  bool isRegistered() const { return registered_; }

 private:
  void onEvents(uint32_t events) override;

  loop::Sys& sys_;
  int fd_;
  bool registered_;
};

class TcpConnector final : public Connector {
 public:
  TcpConnector(loop::Loop& loop, loop::Sys& sys) : loop_(loop), sys_(sys) {}
  Result<std::unique_ptr<Stream>> connect(const Address& address) override;

 private:
  loop::Loop& loop_;
  loop::Sys& sys_;
};

}  // namespace remora::net
