// The small sends of one turn of a loop, made in one system call at its end. With a call each, the receiver is woken by
// the first, runs at once where it shares the CPU, finds one message and sleeps again: half of all requests cost a
// switch between processes. Together they cost a twentieth (docs/decisions/0014). Linux' io_submit does it, which the
// usual seccomp profiles of containers allow where they forbid io_uring; where it can't be had, it is a send each.
// Belongs to one loop.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "loop/sys.h"

namespace remora::loop {

// Whose bytes they are.
class SendOwner {
 public:
  // The kernel took `sent` bytes of `data`, which holds until this returns. `error` is 0 when that is all of it, EAGAIN
  // when there is no room for more, else why the connection takes nothing any more. Only notes and posts to the run
  // queue: it must not destroy anything or use the batch.
  virtual void onSent(std::span<const char> data, size_t sent, int error) = 0;

 protected:
  ~SendOwner() = default;
};

class SendBatch {
 public:
  static constexpr size_t kSendsMost = 32;
  // Of one send: beyond, copying costs more than the call that it saves.
  static constexpr size_t kBytesMost = 4096;

  explicit SendBatch(Sys& sys);
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  // Copies `pieces`, which go out with the next flush, then `owner` hears of it; it must call flush() before it goes or
  // closes the descriptor. One send a descriptor. Returns how many bytes that is; 0: they are too large (or none), and
  // the caller is to send them itself.
  size_t put(int fd, SendOwner& owner, std::span<const iovec> pieces);
  void flush();
  bool isEmpty() const { return count_ == 0; }

 private:
  class Submitter;
  struct Send {
    int fd = -1;
    SendOwner* owner = nullptr;
    const char* data = nullptr;
    size_t bytes = 0;
  };
  void settle(const Send& send, ssize_t result);
  ssize_t sendNow(const Send& send);  // bytes, or a negative errno

  Sys& sys_;
  std::unique_ptr<char[]> memory_;  // made with the first send
  std::unique_ptr<Submitter> submitter_;
  std::array<Send, kSendsMost> sends_;
  size_t count_ = 0;
};

}  // namespace remora::loop
