// Bytes between a client and an application as they are, both ways: each direction until its own end, which is passed
// on, and nothing is read while the other side takes nothing. For tunnels and opaque TCP. Belongs to one core; both
// streams and the counts outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "http/message_writer.h"
#include "loop/task_scope.h"
#include "net/stream.h"

namespace remora::proxy {

class ByteRelay final : loop::Runnable {
 public:
  struct Parts {
    net::Stream& client;
    net::Stream& upstream;
    std::span<char> scratch;  // lent until the next wait
    Duration write_stall{0};  // without a byte taken by a side that bytes wait for; 0: no limit
    uint64_t* received;       // counts what the client sent, all the time
    uint64_t* sent;           // counts what the application sent
  };
  explicit ByteRelay(Parts parts);
  ~ByteRelay();

  // Ends when both directions have; fails with what ended either of them, which ends both. Closing the streams, with a
  // reset after a failure, is the caller's. Once.
  loop::Task<void> run(std::string first_up);

  // For idle timeouts: when bytes last came or were all taken; and for somebody who takes a large piece slowly, whether
  // a side has yet to take something, and how many bytes both took so far.
  Instant activeAt() const { return active_at_; }
  bool isHeldUp() const { return !up_.writer.isDrained() || !down_.writer.isDrained(); }
  uint64_t taken() const { return up_.writer.sentBytes() + down_.writer.sentBytes(); }

 private:
  struct Half {
    net::Stream& from;
    net::Stream& to;
    http::MessageWriter writer;
    net::Patience writing;
    Failure reset;  // of `from`
    uint64_t* moved;
  };
  void run() override;  // the application's side: something happened that neither direction waits for
  loop::Task<void> runHalf(Half& half, std::string first);
  loop::Task<void> pump(Half& half, std::string first);

  std::span<char> scratch_;
  Half up_;
  Half down_;
  Instant active_at_;
  Result<void> outcome_;
  int ended_ = 0;  // directions
  loop::Signal over_;
  loop::TaskScope halves_;  // last, so that it goes first
};

}  // namespace remora::proxy
