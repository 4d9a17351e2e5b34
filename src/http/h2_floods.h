// What a peer may do too often: a count of which `most` are forgotten in 30 seconds, evenly. Pure; any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/deadline.h"

namespace remora::http {

class FadingCount {
 public:
  explicit FadingCount(uint32_t most) : most_(std::max(most, 1U)), each_(kSpan / most_) {}

  void add(Instant now, uint32_t n = 1) { clear_at_ = std::max(clear_at_, now) + each_ * n; }
  // Something good happened, which makes up for `n`. It is no credit for later: the count is never below none.
  void forgive(Instant now, uint32_t n = 1) { clear_at_ = std::max(now, clear_at_ + each_ * -static_cast<int64_t>(n)); }
  // More than `most` and `extra` are remembered.
  bool isOver(Instant now, uint32_t extra = 0) const { return clear_at_ - now > each_ * (uint64_t{most_} + extra); }

 private:
  static constexpr Duration kSpan = std::chrono::seconds(30);
  uint32_t most_;
  Duration each_;       // after which one is forgotten
  Instant clear_at_{};  // when none will be remembered
};

}  // namespace remora::http
