// A network in memory, for tests: two streams joined, with a bounded buffer each way so that back-pressure is real.
// Belongs to one loop.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "net/stream.h"

namespace remora::net {

class MemoryStream final : public Stream {
 public:
  // A connected pair. What one writes the other reads; `capacity` bytes fit each way.
  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> pair(loop::Loop& loop,
                                                                                      size_t capacity = 64 << 10) {
    auto a = std::unique_ptr<MemoryStream>(new MemoryStream(loop, capacity));
    auto b = std::unique_ptr<MemoryStream>(new MemoryStream(loop, capacity));
    a->other_ = b.get();
    b->other_ = a.get();
    return {std::move(a), std::move(b)};
  }
  ~MemoryStream() override {
    if (!other_) return;
    other_->other_ = nullptr;
    if (reset_ || !inbox_.empty()) {  // as TCP: closing with unread bytes resets
      other_->failed_ = true;
      other_->notify({.readable = true, .writable = true, .hangup = true, .error = true});
    } else {
      other_->ended_ = true;
      other_->notify({.readable = true, .hangup = true});
    }
  }

  IoResult read(std::span<char> into) override {
    if (failed_) return {0, ECONNRESET};
    if (inbox_.empty()) {
      if (ended_) return {0, 0};
      may_read_ = false;
      return {0, EAGAIN};
    }
    const size_t n = std::min(into.size(), inbox_.size());
    std::memcpy(into.data(), inbox_.data(), n);
    const bool was_full = inbox_.size() >= capacity_;
    inbox_.erase(0, n);
    if (inbox_.empty() && !ended_) may_read_ = false;
    if (was_full && other_) other_->notify({.writable = true});
    return {n, 0};
  }
  IoResult peek(std::span<char> into) override {
    if (failed_) return {0, ECONNRESET};
    if (inbox_.empty() && !ended_) {
      may_read_ = false;
      return {0, EAGAIN};
    }
    return {inbox_.copy(into.data(), into.size()), 0};
  }
  IoResult write(std::span<const iovec> pieces) override {
    if (failed_) return {0, ECONNRESET};
    if (!other_ || finished_) return {0, EPIPE};
    size_t taken = 0;
    size_t wanted = 0;
    for (const iovec& piece : pieces) {
      wanted += piece.iov_len;
      const size_t n = std::min(piece.iov_len, capacity_ - std::min(capacity_, other_->inbox_.size()));
      other_->inbox_.append(static_cast<const char*>(piece.iov_base), n);
      taken += n;
    }
    if (taken) other_->notify({.readable = true});
    if (taken == wanted) return {taken, 0};
    may_write_ = false;
    return {taken, EAGAIN};
  }
  void shutdownWrite() override {
    if (std::exchange(finished_, true) || !other_) return;
    other_->ended_ = true;
    other_->notify({.readable = true, .hangup = true});
  }
  void resetOnClose() override { reset_ = true; }

  // For the test's end: everything that has arrived.
  std::string take() { return std::exchange(inbox_, {}); }
  void put(std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    write({&piece, 1});
  }
  bool isEnded() const { return ended_ || failed_ || !other_; }
  bool isReset() const { return failed_; }

 private:
  MemoryStream(loop::Loop& loop, size_t capacity) : Stream(loop), capacity_(capacity) {}

  size_t capacity_;
  MemoryStream* other_ = nullptr;
  std::string inbox_;
  bool ended_ = false;     // the other side finished writing
  bool failed_ = false;    // the other side reset
  bool finished_ = false;  // this side finished writing
  bool reset_ = false;
};

}  // namespace remora::net
