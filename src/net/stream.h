// Bytes in both directions, over whatever carries them: TCP, Unix sockets, TLS, or memory in tests. Reading and
// writing never wait; waiting is done by ReadWait and WriteWait. Belongs to one loop.
#pragma once

#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/deadline.h"
#include "base/result.h"
#include "loop/loop.h"
#include "net/address.h"

namespace remora::net {

struct IoResult {
  size_t bytes = 0;
  int error = 0;  // errno; EAGAIN: would block

  bool isBlocked() const { return error == EAGAIN; }
  bool isEnd() const { return bytes == 0 && error == 0; }  // of a read: the peer closed its side
};

// What the transport can prove about a connection that ended.
struct TransportProof {
  bool is_closed = false;     // the peer acknowledges nothing any more
  uint64_t acknowledged = 0;  // bytes of ours that reached the peer's host since the connection began
};

class Stream {
 public:
  explicit Stream(loop::Loop& loop) : loop_(loop) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  virtual IoResult read(std::span<char> into) = 0;
  // What a read would give, which stays where it is; EOPNOTSUPP where that isn't known. mayRead() stays true after
  // bytes were seen, so that a ReadWait ends at once: whoever needs more than is there waits for the watcher to be
  // told, as it is of every arrival.
  virtual IoResult peek(std::span<char> /*into*/) { return {0, EOPNOTSUPP}; }
  // Takes as much as fits now. Memory is borrowed only until it returns.
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  // They may be gathered until the end of the loop's turn; closing and shutdownWrite() send them first.
  virtual void shutdownWrite() = 0;
  // From now on write() hands over to the kernel at once: for bytes that must be out before a close, and for tunnels.
  virtual void writeThrough() {}
  // Hands over what was gathered. What the kernel has no room for stays, see hasUnsent().
  virtual void flush() {}
  // There are bytes that write() took and the kernel had no room for: they follow when it has, and the watcher hears.
  virtual bool hasUnsent() const { return false; }
  // How many of the bytes that write() took last the kernel then refused, the connection having ended.
  virtual size_t refusedBytes() const { return 0; }
  // From now on closing (destroying) it sends a reset instead of a FIN.
  virtual void resetOnClose() = 0;
  // Of a stream that was made by connecting, once it is writable: 0 or why it failed.
  virtual int connectError() { return 0; }
  // Why it broke, where the transport knows it better than an errno tells: a TLS peer that refuses us late.
  virtual std::optional<Failure> brokenBy() const { return std::nullopt; }
  virtual std::optional<TransportProof> proof() const { return std::nullopt; }
  virtual int descriptor() const { return -1; }
  // Acknowledges what was received at once instead of after the usual delay; once, for what was received so far.
  virtual void acknowledgeNow() {}

  // False: a read would block, as far as is known.
  bool mayRead() const { return may_read_; }
  bool mayWrite() const { return may_write_; }
  // A FIN or a reset has arrived, though bytes before it may still be unread.
  bool hasHangup() const { return hangup_; }
  bool hasError() const { return error_; }  // a reset has arrived

  // Posted when something happens that no ReadWait or WriteWait waits for; null: nobody cares. That it became writable
  // is nothing that happens, except for those who ask for kWritable: streams over this one.
  enum class Watch : uint8_t { kUsual, kWritable };
  void setWatcher(loop::Runnable* watcher, Watch watch = Watch::kUsual) {
    watcher_ = watcher;
    watches_writing_ = watch == Watch::kWritable;
  }
  // Ends a running ReadWait with `failure`; nothing happens when there is none.
  void interruptRead(Failure failure);
  loop::Loop& loop() { return loop_; }

 protected:
  struct Readiness {
    bool readable = false;
    bool writable = false;
    bool hangup = false;
    bool error = false;
  };
  // Wakes whoever waits for this.
  void notify(Readiness change);
  void tellWatcher() {
    if (watcher_) loop_.post(*watcher_);
  }

  bool hasReader() const { return reader_ != nullptr; }  // a ReadWait is running

  loop::Loop& loop_;
  bool may_read_ = false;
  bool may_write_ = true;
  bool hangup_ = false;
  bool error_ = false;

 private:
  friend class ReadWait;
  friend class WriteWait;
  friend class ResetWait;
  class ReadWait* reader_ = nullptr;
  class WriteWait* writer_ = nullptr;
  class ResetWait* reset_waiter_ = nullptr;
  loop::Runnable* watcher_ = nullptr;
  bool watches_writing_ = false;
};

// How long a body may keep somebody waiting: `stall` without one byte, and in all until `overall` (the exchange's
// deadline, carried, never restarted).
struct Patience {
  Duration stall{0};  // 0: no limit
  Failure stalled;
  Deadline overall = Deadline::never();
  Failure overdue;

  Deadline until(Instant now) const { return Deadline::after(now, stall).sooner(overall); }
  Failure failure(Instant now) const { return Deadline::after(now, stall) <= overall ? stalled : overdue; }
};

// co_await ReadWait(stream, deadline, failure): until a read would give something (bytes, the end or an error); at
// the deadline it fails with `failure`. One at a time a stream.
class ReadWait final : public loop::Wait, private loop::Timer {
 public:
  ReadWait(Stream& stream, Deadline deadline, Failure late);
  ReadWait(Stream& stream, const Patience& patience)
      : ReadWait(stream, patience.until(stream.loop().now()), patience.failure(stream.loop().now())) {}
  ~ReadWait();

 private:
  friend class Stream;
  void onTime() override { finish(stream_.loop_.queue(), std::unexpected(late_)); }
  Stream& stream_;
  Failure late_;
};

class WriteWait final : public loop::Wait, private loop::Timer {
 public:
  WriteWait(Stream& stream, Deadline deadline, Failure late);
  WriteWait(Stream& stream, const Patience& patience)
      : WriteWait(stream, patience.until(stream.loop().now()), patience.failure(stream.loop().now())) {}
  ~WriteWait();

 private:
  friend class Stream;
  void onTime() override { finish(stream_.loop_.queue(), std::unexpected(late_)); }
  Stream& stream_;
  Failure late_;
};

// Until a reset arrives on a stream that has ended already, or the deadline. Ends well either way.
class ResetWait final : public loop::Wait, private loop::Timer {
 public:
  ResetWait(Stream& stream, Deadline deadline);
  ~ResetWait();

 private:
  friend class Stream;
  void onTime() override { finish(stream_.loop_.queue(), {}); }
  Stream& stream_;
};

// The failure for what connect(2) or connectError() said.
Failure connectFailure(int error);

// How streams are made by calling out; the seam by which tests give a network in memory.
class Connector {
 public:
  virtual ~Connector() = default;
  // Starts to connect: the stream becomes writable when that is decided, see connectError(). Fails at once when the
  // system has no descriptor left or no way to the address.
  virtual Result<std::unique_ptr<Stream>> connect(const Address& address) = 0;
};

}  // namespace remora::net
