#include "loop/send_batch.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace remora::loop {

namespace {

// What the kernel maps where io_setup points: completions, to be taken without a call (fs/aio.c, struct aio_ring; the
// same since 2002, and known by its magic number).
struct CompletionRing {
  unsigned id;
  unsigned size;
  std::atomic<unsigned> head;  // ours
  std::atomic<unsigned> tail;  // the kernel's
  unsigned magic;
  unsigned compatible_features;
  unsigned incompatible_features;
  unsigned header_bytes;
};
constexpr unsigned kRingMagic = 0xa10a10a1;

}  // namespace

// io_submit writes to sockets at once, in order, as non-blocking as they are: every completion is there when it
// returns. The system's limit on such contexts (fs.aio-max-nr, 65,536) counts kSendsMost for each.
class SendBatch::Submitter {
 public:
  Submitter() {
    if (::syscall(SYS_io_setup, static_cast<unsigned>(kSendsMost), &context_) != 0) context_ = 0;
  }
  ~Submitter() {
    if (context_) ::syscall(SYS_io_destroy, context_);
  }
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  bool isUsable() const { return context_ != 0; }

  // Fills in results, bytes or a negative errno, for the first so many sends; returns how many.
  size_t submit(std::span<const Send> sends, std::span<ssize_t> results) {
    std::array<iocb*, kSendsMost> pointers;
    for (size_t i = 0; i < sends.size(); ++i) {
      iocb& control = controls_[i];
      control = {};
      control.aio_data = i;
      control.aio_lio_opcode = IOCB_CMD_PWRITE;
      control.aio_fildes = static_cast<uint32_t>(sends[i].fd);
      control.aio_buf = reinterpret_cast<uint64_t>(sends[i].data);
      control.aio_nbytes = sends[i].bytes;
      pointers[i] = &control;
    }
    const long taken = ::syscall(SYS_io_submit, context_, static_cast<long>(sends.size()), pointers.data());
    if (taken <= 0) return 0;
    const auto count = static_cast<size_t>(taken);
    std::array<io_event, kSendsMost> events;
    const size_t done = takeCompletions({events.data(), count});
    check(done == count, "writing to a socket completes at once");
    for (size_t i = 0; i < count; ++i) results[events[i].data] = static_cast<ssize_t>(events[i].res);
    return count;
  }

 private:
  size_t takeCompletions(std::span<io_event> into) {
    auto* const ring = reinterpret_cast<CompletionRing*>(context_);
    if (ring->magic == kRingMagic && ring->incompatible_features == 0) {
      const auto* const events =
          reinterpret_cast<const io_event*>(reinterpret_cast<const char*>(ring) + ring->header_bytes);
      unsigned head = ring->head.load(std::memory_order_relaxed);
      const unsigned tail = ring->tail.load(std::memory_order_acquire);
      size_t count = 0;
      for (; head != tail && count < into.size(); head = (head + 1) % ring->size) into[count++] = events[head];
      ring->head.store(head, std::memory_order_release);
      if (count == into.size()) return count;
      into = into.subspan(count);
      return count + ask(into);
    }
    return ask(into);
  }
  size_t ask(std::span<io_event> into) {
    const auto count = static_cast<long>(into.size());
    long got;
    do {
      got = ::syscall(SYS_io_getevents, context_, count, count, into.data(), nullptr);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? static_cast<size_t>(got) : 0;
  }

  aio_context_t context_ = 0;
  std::array<iocb, kSendsMost> controls_;
};

SendBatch::SendBatch(Sys& sys) : sys_(sys) {}

SendBatch::~SendBatch() = default;

size_t SendBatch::put(int fd, SendOwner& owner, std::span<const iovec> pieces) {
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  if (bytes > kBytesMost || bytes == 0) return 0;
  if (!memory_) memory_ = std::make_unique_for_overwrite<char[]>(kSendsMost * kBytesMost);
  if (count_ == kSendsMost) flush();
  Send& send = sends_[count_];
  char* const memory = memory_.get() + count_ * kBytesMost;
  send = {fd, &owner, memory, bytes};
  char* at = memory;
  for (const iovec& piece : pieces) {
    if (piece.iov_len == 0) continue;  // may point nowhere
    std::memcpy(at, piece.iov_base, piece.iov_len);
    at += piece.iov_len;
  }
  ++count_;
  return bytes;
}

void SendBatch::flush() {
  if (count_ == 0) return;
  const std::span<const Send> sends(sends_.data(), std::exchange(count_, 0));
  std::array<ssize_t, kSendsMost> results;
  size_t done = 0;
  if (sends.size() > 1 && sys_.maySubmitSends()) {
    if (!submitter_) submitter_ = std::make_unique<Submitter>();
    if (submitter_->isUsable()) done = submitter_->submit(sends, results);
  }
  for (size_t i = done; i < sends.size(); ++i) results[i] = sendNow(sends[i]);
  for (size_t i = 0; i < sends.size(); ++i) settle(sends[i], results[i]);
}

void SendBatch::settle(const Send& send, ssize_t result) {
  if (result == -EINTR) result = sendNow(send);
  const size_t sent = result > 0 ? static_cast<size_t>(result) : 0;
  int error = 0;
  if (result < 0) {
    error = static_cast<int>(-result);
  } else if (sent < send.bytes) {
    error = EAGAIN;
  }
  send.owner->onSent({send.data, send.bytes}, sent, error);
}

ssize_t SendBatch::sendNow(const Send& send) {
  for (;;) {
    const ssize_t sent = sys_.send(send.fd, send.data, send.bytes, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace remora::loop
