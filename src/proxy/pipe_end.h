// A connection in memory that can do what TCP does to a proxy: be small, give few bytes at a time, be closed unnoticed,
// break at a write, take long to connect, and prove what was acknowledged. Two ends make one. Only for tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/stream.h"

namespace remora::proxy::test {

class PipeEnd final : public net::Stream {
 public:
  using Pair = std::pair<std::unique_ptr<PipeEnd>, std::unique_ptr<PipeEnd>>;
  static Pair pair(loop::Loop& loop, size_t capacity) {
    auto a = std::unique_ptr<PipeEnd>(new PipeEnd(loop, capacity));
    auto b = std::unique_ptr<PipeEnd>(new PipeEnd(loop, capacity));
    a->other_ = b.get();
    b->other_ = a.get();
    return {std::move(a), std::move(b)};
  }
  ~PipeEnd() override {
    if (!other_) return;
    other_->other_ = nullptr;
    if (resets_ || !inbox_.empty()) {  // as TCP: closing with unread bytes resets
      other_->breakNow();
    } else {
      other_->endNow();
    }
  }

  net::IoResult read(std::span<char> into) override {
    if (broken_) return {0, ECONNRESET};
    if (inbox_.empty()) {
      if (ended_) return {0, 0};
      may_read_ = false;
      return {0, EAGAIN};
    }
    const size_t n = std::min({into.size(), inbox_.size(), read_most});
    std::memcpy(into.data(), inbox_.data(), n);
    inbox_.erase(0, n);
    if (inbox_.empty() && !ended_) may_read_ = false;
    if (other_ && inbox_.size() < inbox_most) other_->notify({.writable = true});
    return {n, 0};
  }
  net::IoResult peek(std::span<char> into) override {
    if (broken_) return {0, ECONNRESET};
    if (inbox_.empty() && !ended_) {
      may_read_ = false;
      return {0, EAGAIN};
    }
    return {inbox_.copy(into.data(), into.size()), 0};
  }
  net::IoResult write(std::span<const iovec> pieces) override {
    if (broken_) return {0, ECONNRESET};
    if (write_error) return {0, write_error};
    if (refuses_late) {
      for (const iovec& piece : pieces) refused_ += piece.iov_len;
      breakNow();
      return {refused_, 0};
    }
    if (finished_) return {0, EPIPE};
    size_t taken = 0;
    size_t wanted = 0;
    for (const iovec& piece : pieces) {
      wanted += piece.iov_len;
      const size_t room = other_ ? other_->inbox_most - std::min(other_->inbox_most, other_->inbox_.size()) : SIZE_MAX;
      const size_t n = std::min({piece.iov_len, room, write_most - std::min(write_most, taken)});
      if (other_) other_->inbox_.append(static_cast<const char*>(piece.iov_base), n);
      taken += n;
    }
    if (other_ && taken) other_->notify({.readable = true});
    if (!other_) notify({.readable = true, .hangup = true});  // the end that nobody had noticed yet
    if (taken == wanted) return {taken, 0};
    if (taken < wanted && other_ && other_->inbox_.size() >= other_->inbox_most) may_write_ = false;
    return {taken, EAGAIN};
  }
  void shutdownWrite() override {
    if (std::exchange(finished_, true) || !other_) return;
    other_->endNow();
  }
  void resetOnClose() override { resets_ = true; }
  bool hasUnsent() const override { return unsent; }
  size_t refusedBytes() const override { return refused_; }
  int connectError() override { return connect_error_; }
  std::optional<net::TransportProof> proof() const override { return proof_now; }

  // --- for the test -------------------------------------------------------------------------------------------------
  // Returns how many bytes of it were taken.
  size_t put(std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return write({&piece, 1}).bytes;
  }
  std::string take() {
    std::string all = std::exchange(inbox_, {});
    if (!ended_ && !broken_) may_read_ = false;
    if (other_ && !all.empty()) other_->notify({.writable = true});
    return all;
  }
  std::string take(size_t most) {
    std::string some = inbox_.substr(0, most);
    inbox_.erase(0, most);
    if (other_ && !some.empty()) other_->notify({.writable = true});
    return some;
  }
  bool isEnded() const { return ended_ || broken_; }
  bool isReset() const { return broken_; }
  // This end goes, and the other is told only when it writes or when tellEnd() is called: the race of an idle
  // connection.
  static void closeUnnoticed(std::unique_ptr<PipeEnd>& end) {
    if (end->other_) {
      end->other_->ended_ = true;
      end->other_->other_ = nullptr;
      end->other_ = nullptr;
    }
    end.reset();
  }
  PipeEnd* other() { return other_; }
  void finishUnsent() {
    unsent = false;
    tellWatcher();
  }

  // --- for the network between --------------------------------------------------------------------------------------
  void startConnecting() { may_write_ = false; }
  void settleConnect(int error) {
    connect_error_ = error;
    notify({.writable = true});
  }
  void breakNow() {
    broken_ = true;
    notify({.readable = true, .writable = true, .hangup = true, .error = true});
  }

  size_t inbox_most;             // unread bytes that this end holds
  size_t read_most = SIZE_MAX;   // bytes that one read gives
  size_t write_most = SIZE_MAX;  // bytes that one write takes
  int write_error = 0;           // what each write fails with
  bool refuses_late = false;     // writes are taken, then refused as if by the kernel
  bool unsent = false;           // something that was taken has not gone out yet
  std::optional<net::TransportProof> proof_now;

 private:
  PipeEnd(loop::Loop& loop, size_t capacity) : Stream(loop), inbox_most(capacity) {}
  void endNow() {
    ended_ = true;
    notify({.readable = true, .hangup = true});
  }

  PipeEnd* other_ = nullptr;
  std::string inbox_;
  int connect_error_ = 0;
  size_t refused_ = 0;
  bool ended_ = false;     // the other side finished writing
  bool broken_ = false;    // the other side reset
  bool finished_ = false;  // this side finished writing
  bool resets_ = false;
};

}  // namespace remora::proxy::test
