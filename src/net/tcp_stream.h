// A stream over a connected socket (TCP or Unix), edge-triggered: one registration for its whole life, a short read
// means drained. Destroying it closes the socket. Belongs to one loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "loop/poller.h"
#include "loop/send_batch.h"
#include "loop/sys.h"
#include "net/stream.h"

namespace remora::net {

class TcpStream final : public Stream, private loop::Pollable, private loop::SendOwner {
 public:
  enum class State : uint8_t { kConnecting, kConnected };
  // Takes the descriptor over. It must be non-blocking.
  TcpStream(loop::Loop& loop, loop::Sys& sys, int fd, State state);
  ~TcpStream() override;

  IoResult read(std::span<char> into) override;
  IoResult peek(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  void shutdownWrite() override;
  void writeThrough() override;
  void flush() override;
  bool hasUnsent() const override { return unsent_ != nullptr; }
  size_t refusedBytes() const override { return refused_; }
  void resetOnClose() override;
  int connectError() override;
  std::optional<TransportProof> proof() const override;
  int descriptor() const override { return fd_; }
  void acknowledgeNow() override;
  // False when the system had no room to register the descriptor; nothing will ever be heard of it then.
  bool isRegistered() const { return registered_; }

 private:
  // What the kernel had no room for at the end of a turn; there is hardly ever one.
  struct Unsent final : loop::Timer {
    Unsent(TcpStream& s, std::span<const char> rest) : stream(s), bytes(rest.data(), rest.size()) {}
    void onTime() override { stream.breakDown(ETIMEDOUT); }
    TcpStream& stream;
    std::string bytes;
  };
  // Without the other side taking a byte of it.
  static constexpr Duration kUnsentStall = std::chrono::seconds(30);

  void onEvents(uint32_t events) override;
  void onSent(std::span<const char> data, size_t sent, int error) override;
  IoResult writeNow(std::span<const iovec> pieces);
  void sendUnsent();
  void breakDown(int error);

  loop::Sys& sys_;
  std::unique_ptr<Unsent> unsent_;
  uint32_t refused_ = 0;
  int fd_;
  int broken_ = 0;  // why it takes nothing any more, found out after write() had returned
  bool registered_;
  bool is_gathered_ = false;  // a write of this turn waits in the loop's batch
  bool writes_through_ = false;
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
