// A socket that accepts. One a listening address for the whole process; it lives on the first core's loop, and what
// it accepts is handed on once. Belongs to one loop.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/sys.h"
#include "net/address.h"
#include "observe/metrics.h"

namespace remora::net {

// Owns the descriptor of a bound, listening socket, and removes the file of a Unix socket when it closes. Any thread.
class BoundSocket {
 public:
  // Binds and listens. The error is a sentence: what failed, why, and what to do.
  static std::expected<std::shared_ptr<BoundSocket>, std::string> bind(const model::Listener& listener);
  ~BoundSocket();
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;

  int fd() const { return fd_; }
  const Address& address() const { return address_; }  // with the port that was given for port 0

 private:
  BoundSocket(int fd, Address address) : fd_(fd), address_(address) {}
  int fd_;
  Address address_;
};

class Acceptor final : loop::Pollable, loop::Runnable, loop::Timer {
 public:
  // Called with each accepted, non-blocking descriptor, which it must close.
  using OnAccept = std::function<void(int fd, const Peer& peer)>;
  // Called when accept fails for want of descriptors or memory, at most once a second.
  using OnExhausted = std::function<void(int error)>;

  Acceptor(loop::Loop& loop, loop::Sys& sys, std::shared_ptr<BoundSocket> socket, OnAccept on_accept,
           OnExhausted on_exhausted);
  ~Acceptor();
  // Accepts what waits in the queue, at once, whatever acceptOnlyIf says.
  void acceptAll();
  // Asked before each accept. While it says no, what waits stays in the kernel's queue, and it is asked again soon.
  void acceptOnlyIf(std::function<bool()> may_accept) { may_accept_ = std::move(may_accept); }
  const BoundSocket& socket() const { return *socket_; }
  // Each connection that was closed for want of descriptors or memory is counted there; it must outlive this.
  void countShed(observe::Counter& counter) { shed_ = &counter; }

 private:
  void onEvents(uint32_t) override { loop_.post(*this); }
  void run() override;
  enum class Queue : uint8_t { kEmpty, kMore, kExhausted, kPaused };
  Queue acceptSome(const std::function<bool()>& may_accept);
  void onTime() override { loop_.post(*this); }
  void tellExhausted(int error);
  void shedWaiting();

  static constexpr int kAcceptsATurn = 64;         // so that new connections can't starve running ones
  static constexpr Milliseconds kRetryAfter{100};  // descriptors come back with the next connection that ends
  static constexpr std::chrono::seconds kTellEvery{1};
  loop::Loop& loop_;
  loop::Sys& sys_;
  std::shared_ptr<BoundSocket> socket_;
  OnAccept on_accept_;
  OnExhausted on_exhausted_;
  std::function<bool()> may_accept_;
  observe::Counter* shed_ = nullptr;
  Instant may_tell_from_;
  int spare_fd_;  // given up for a moment when descriptors run out, to close what can't be served
};

}  // namespace remora::net
