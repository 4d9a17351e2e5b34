#include "net/stream.h"

#include "base/check.h"

namespace remora::net {

void Stream::notify(Readiness change) {
  may_read_ |= change.readable || change.hangup;
  may_write_ |= change.writable || change.error;
  hangup_ |= change.hangup || change.error;
  error_ |= change.error;
  bool heard = false;
  if (writer_ && may_write_) {
    writer_->finish(loop_.queue(), {});
    heard = !change.readable && !change.hangup;
  }
  if (reader_ && may_read_) {
    reader_->finish(loop_.queue(), {});
    heard = true;
  }
  if (reset_waiter_ && error_) {
    reset_waiter_->finish(loop_.queue(), {});
    heard = true;
  }
  const bool tells = change.readable || change.hangup || change.error || (change.writable && watches_writing_);
  if (watcher_ && !heard && tells) loop_.post(*watcher_);
}

void Stream::interruptRead(Failure failure) {
  if (reader_) reader_->finish(loop_.queue(), std::unexpected(failure));
}

ReadWait::ReadWait(Stream& stream, Deadline deadline, Failure late) : stream_(stream), late_(late) {
  if (stream.may_read_) {
    finishNow({});
    return;
  }
  check(!stream.reader_, "one waits to read a stream at a time");
  stream.reader_ = this;
  stream.loop_.timers().arm(*this, deadline);
}

ReadWait::~ReadWait() {
  if (stream_.reader_ == this) stream_.reader_ = nullptr;
}

WriteWait::WriteWait(Stream& stream, Deadline deadline, Failure late) : stream_(stream), late_(late) {
  if (stream.may_write_) {
    finishNow({});
    return;
  }
  check(!stream.writer_, "one waits to write a stream at a time");
  stream.writer_ = this;
  stream.loop_.timers().arm(*this, deadline);
}

WriteWait::~WriteWait() {
  if (stream_.writer_ == this) stream_.writer_ = nullptr;
}

ResetWait::ResetWait(Stream& stream, Deadline deadline) : stream_(stream) {
  if (stream.error_) {
    finishNow({});
    return;
  }
  check(!stream.reset_waiter_, "one waits for a stream's reset at a time");
  stream.reset_waiter_ = this;
  stream.loop_.timers().arm(*this, deadline);
}

ResetWait::~ResetWait() {
  if (stream_.reset_waiter_ == this) stream_.reset_waiter_ = nullptr;
}

}  // namespace remora::net
